"""Texts of reports as data: `texts.yaml`, read once, by the values of the enums that they are told for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from seamwatch.core.reasons import DamageForm, FailureSign, ReasonKind
from seamwatch.vocabulary import Basis, Gap, Refusal, Responsibility

_TEXTS: Mapping[str, Any] = yaml.safe_load((files("seamwatch.report") / "texts.yaml").read_text(encoding="utf-8"))

RESPONSIBILITIES: Mapping[Responsibility, str] = {Responsibility(k): v for k, v in _TEXTS["responsibilities"].items()}
BASES: Mapping[Basis, str] = {Basis(k): v for k, v in _TEXTS["bases"].items()}
GAPS: Mapping[Gap, str] = {Gap(k): v for k, v in _TEXTS["gaps"].items()}
"""What is missing for one record."""
WINDOW_GAPS: Mapping[Gap, str] = {**GAPS, **{Gap(k): v for k, v in _TEXTS["window_gaps"].items()}}
"""What is missing for many."""
REASONS: Mapping[ReasonKind, str] = {ReasonKind(k): v for k, v in _TEXTS["reasons"].items()}
CALL_FAILURES: Mapping[FailureSign, str] = {FailureSign(k): v for k, v in _TEXTS["call_failures"].items()}
DAMAGE_FORMS: Mapping[DamageForm, str] = {DamageForm(k): v for k, v in _TEXTS["damage_forms"].items()}
"""As a clause: `recorded is empty`."""
DOCUMENT_FAULTS: Mapping[str, str] = _TEXTS["document_faults"]
"""By the reason of freshness; `any` where the reasons differ."""
MARKS: Mapping[str, str] = _TEXTS["marks"]
HEADLINES: Mapping[str, str] = _TEXTS["headlines"]
DAMAGES: Mapping[str, str] = _TEXTS["damages"]
"""Of fields, by kind."""
PAYLOAD_DAMAGES: Mapping[str, str] = _TEXTS["payload_damages"]
"""Of whole payloads, by kind; `any` for every other one."""
COMPARED_FORMS: Mapping[str, str] = _TEXTS["compared_forms"]
"""What values differ by alone, by the comparison that would let them be right."""
WINDOW_NOTES: Mapping[str, str] = _TEXTS["window_notes"]
SEAM_CHECKS: Mapping[str, Mapping[str, str]] = _TEXTS["seam_checks"]
"""What is expected and observed, by the name of the check."""
STAGE_NOTES: Mapping[str, str] = _TEXTS["stage_notes"]
PROVIDER_FAILURES: Mapping[str, str] = _TEXTS["provider_failures"]
"""By kind; `any` for every other one."""
FINDINGS: Mapping[tuple[Responsibility, str | None], str] = {
    (Responsibility(who), kind): text for who, by_kind in _TEXTS["findings"].items() for kind, text in by_kind.items()
}
"""By responsibility and kind; `any` for every other kind."""
GAP_STEPS: Mapping[Gap, str] = {Gap(k): v for k, v in _TEXTS["gap_steps"].items()}
REFUSALS: Mapping[Refusal, str] = {Refusal(k): v for k, v in _TEXTS["refusals"].items()}
PROVIDER_STEPS: Mapping[str, str] = _TEXTS["provider_steps"]
"""By kind; `any` for every other one."""

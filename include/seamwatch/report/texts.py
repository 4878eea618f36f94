"""Texts of reports as data: `texts.yaml`, read once, by the values of the enums that they are told for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from seamwatch.core.attribution import messages
from seamwatch.vocabulary import Basis, Gap, Responsibility

_TEXTS: Mapping[str, Any] = yaml.safe_load((files("seamwatch.report") / "texts.yaml").read_text(encoding="utf-8"))

RESPONSIBILITIES: Mapping[Responsibility, str] = {Responsibility(k): v for k, v in _TEXTS["responsibilities"].items()}
BASES: Mapping[Basis, str] = {Basis(k): v for k, v in _TEXTS["bases"].items()}
GAPS: Mapping[Gap, str] = {**messages.GAPS, **{Gap(k): v for k, v in _TEXTS["gaps"].items()}}
FINDINGS: Mapping[tuple[Responsibility, str | None], str] = {
    (Responsibility(who), kind): text for who, by_kind in _TEXTS["findings"].items() for kind, text in by_kind.items()
}
"""By responsibility and kind; `any` for every other kind."""
GAP_STEPS: Mapping[Gap, str] = {Gap(k): v for k, v in _TEXTS["gap_steps"].items()}
PROVIDER_STEPS: Mapping[str, str] = _TEXTS["provider_steps"]
"""By kind; `any` for every other one."""

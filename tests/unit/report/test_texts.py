"""No enum value is without its text, and every text can be filled in."""

from seamwatch.core.reasons import DamageForm, FailureSign, ReasonKind
from seamwatch.report.texts import (
    BASES,
    CALL_FAILURES,
    DAMAGE_FORMS,
    DOCUMENT_FAULTS,
    FINDINGS,
    GAP_STEPS,
    GAPS,
    PROVIDER_FAILURES,
    PROVIDER_STEPS,
    REASONS,
    RESPONSIBILITIES,
    WINDOW_GAPS,
)
from seamwatch.vocabulary import Basis, FreshnessReason, Gap, Responsibility


def test_every_value_has_a_text() -> None:
    assert set(RESPONSIBILITIES) == set(Responsibility)
    assert set(BASES) == set(Basis)
    assert set(GAPS) == set(WINDOW_GAPS) == set(GAP_STEPS) == set(Gap)
    assert set(REASONS) == set(ReasonKind)
    assert set(DAMAGE_FORMS) == set(DamageForm)
    assert set(CALL_FAILURES) == set(FailureSign)
    assert set(DOCUMENT_FAULTS) <= {"any", *FreshnessReason}
    assert {who for who, kind in FINDINGS if kind == "any"} == set(Responsibility)


def test_every_text_can_be_filled_in() -> None:
    filled = [text.format(what="product", where="crm", fields=" (a)", why=": so") for text in FINDINGS.values()]
    filled += [text.format(name="answer") for text in PROVIDER_STEPS.values()]
    assert not any("{" in text or "}" in text for text in filled)
    assert set(PROVIDER_FAILURES) == set(PROVIDER_STEPS)

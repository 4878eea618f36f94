"""No enum value is without its text, and every text can be filled in."""

from seamwatch.report.texts import BASES, FINDINGS, GAP_STEPS, GAPS, PROVIDER_STEPS, RESPONSIBILITIES
from seamwatch.vocabulary import Basis, Gap, Responsibility


def test_every_value_has_a_text() -> None:
    assert set(RESPONSIBILITIES) == set(Responsibility)
    assert set(BASES) == set(Basis)
    assert set(GAPS) == set(GAP_STEPS) == set(Gap)
    assert {who for who, kind in FINDINGS if kind == "any"} == set(Responsibility)


def test_every_text_can_be_filled_in() -> None:
    filled = [text.format(what="product", where="crm", fields=" (a)", why=": so") for text in FINDINGS.values()]
    filled += [text.format(name="answer") for text in PROVIDER_STEPS.values()]
    assert not any("{" in text or "}" in text for text in filled)
    assert "any" in PROVIDER_STEPS

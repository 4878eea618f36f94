"""What the command line prints of a window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamwatch.core.results import Attribution, Verdict
from seamwatch.report.console import print_attribution
from seamwatch.vocabulary import Gap, Responsibility


def test_what_would_settle_undetermined_records_is_printed(
    attribution: Attribution, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = [
        Verdict(
            key=str(n),
            responsibility=Responsibility.UNDETERMINED,
            stage=None,
            confidence=0.0,
            explanation="",
            gap=Gap.ENDPOINT_UNREACHABLE,
        )
        for n in range(7)
    ]
    print_attribution(replace(attribution, verdicts=verdicts))
    assert "undetermined, 7 records: the model could not be reached in isolation" in capsys.readouterr().out


def test_a_window_without_records_has_no_counts(attribution: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    print_attribution(replace(attribution, n_observed=0, n_failing=0, causes=()))
    out = capsys.readouterr().out
    assert "the window holds no record, so nothing could be judged" in out
    assert "judged records wrong" not in out

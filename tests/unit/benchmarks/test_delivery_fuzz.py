"""The fuzz of what people read: it finds what is planted, and nothing in what is written today."""

from __future__ import annotations

import pytest
from delivery import fuzz


def test_nothing_hostile_is_live() -> None:
    assert fuzz.measure(400, seed=3) == dict.fromkeys(fuzz.FIGURES, 0.0)


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-A1", "@SUM(1)", "\t=1", "\uff1d1", " =1"])
def test_a_planted_formula_is_found(cell: str) -> None:
    assert fuzz.is_formula(cell)


@pytest.mark.parametrize("cell", ["'=1+1", "-17", "+4.5e3", "a=1", ""])
def test_what_computes_nothing_is_no_formula(cell: str) -> None:
    assert not fuzz.is_formula(cell)


@pytest.mark.parametrize("text", ["\x1b[31m", "a\x9bb", "a\u202eb", "\x00", "\ud800", "\r", "\u200b"])
def test_a_planted_control_is_found(text: str) -> None:
    assert fuzz.is_live(text)


@pytest.mark.parametrize("text", ["plain\n\ttext", "Grüße 語 👩\u200d👧", "\\x1b"])
def test_text_that_steers_nothing_is_not_live(text: str) -> None:
    assert not fuzz.is_live(text)


@pytest.mark.parametrize(
    "html",
    [
        "<script>1</script>",
        '<p onclick="x()">',
        '<a href="https://evil.example">',
        '<a href="javascript:alert(1)">',
        '<img src="x">',
    ],
)
def test_a_planted_tag_is_found(html: str) -> None:
    page = fuzz.LivePage()
    page.feed(html)
    assert page.n_live > 0


def test_planted_markup_of_slack_is_found() -> None:
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel>"}},
        {"type": "rich_text", "elements": [{"type": "link", "url": "https://evil.example"}]},
    ]
    assert ("mrkdwn", "<!channel>") in list(fuzz.slack_texts(blocks))
    assert ("url", "https://evil.example") in list(fuzz.slack_texts(blocks))

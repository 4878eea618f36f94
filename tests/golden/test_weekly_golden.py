"""A week in all its forms, byte for byte; and any texts whatever within what each form allows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup

from seamwatch.core.agreed_actions import AgreedState
from seamwatch.core.weekly_review.facts import FixFirst, WeeklyReview
from seamwatch.report import block_kit
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review.digest import weekly_digest
from seamwatch.report.weekly_review.machine import weekly_json
from seamwatch.report.weekly_review.markdown import weekly_markdown
from seamwatch.report.weekly_review.page import weekly_page
from seamwatch_demo.slack_rules import message_error
from weekly_reviews import AGREED, EVIL, FIFTY, USUAL, WEEKS, line

Golden = Callable[[str, str], None]
LINKS = WeeklyLinks.under("http://localhost:8080/")
MOST_LINES = 22
"""A screen of Slack: titles, bullets and rows of the digest."""

week = pytest.mark.parametrize(("name", "review"), WEEKS.items(), ids=WEEKS)
small_week = pytest.mark.parametrize("name", [name for name in WEEKS if name != "fifty"])


def page_of(review: WeeklyReview, forms: Markup | None = None) -> str:
    return weekly_page(review, base="/seamwatch", forms=forms, weeks=("2026-W46", None))


def digest_of(review: WeeklyReview) -> tuple[str, list[dict[str, object]]]:
    message = weekly_digest(review, [one.pipeline for one in review.pipelines], LINKS)
    return block_kit.fallback(message.fallback), block_kit.render(message.head)


@small_week
def test_page_is_as_agreed(name: str, golden: Golden) -> None:
    golden(f"html/weekly_{name}.html", page_of(WEEKS[name]))


@week
def test_markdown_is_as_agreed(name: str, review: WeeklyReview, golden: Golden) -> None:
    golden(f"markdown/weekly_{name}.md", weekly_markdown(review, LINKS))


@pytest.mark.parametrize("name", ["usual", "empty", "corrected"])
def test_json_is_as_agreed(name: str, golden: Golden) -> None:
    golden(f"json/weekly_{name}.json", json.dumps(weekly_json(WEEKS[name]), indent=1) + "\n")


def test_json_of_huge_texts_is_small() -> None:
    assert len(json.dumps(weekly_json(WEEKS["hostile"]))) < 200_000


@week
def test_slack_digest_is_as_agreed_and_taken_by_slack(name: str, review: WeeklyReview, golden: Golden) -> None:
    text, blocks = digest_of(review)
    assert message_error(text, blocks) is None
    golden(f"slack/weekly_{name}.json", json.dumps({"text": text, "head": blocks}, indent=1, ensure_ascii=False) + "\n")


class Tags(HTMLParser):
    """Collects what a page could load, run or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {value or "" for key, value in attrs if key in ("href", "src")}
        assert not [key for key, _ in attrs if key.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@week
def test_page_loads_and_runs_nothing(name: str, review: WeeklyReview) -> None:
    page = page_of(review)
    found = Tags()
    found.feed(page)
    assert not {"script", "iframe", "img", "object", "form"} & found.tags
    assert all(address.startswith("/seamwatch/") or address == "data:," for address in found.addresses), name
    assert not [char for char in page if char in "\u202e\x1b\U000e0041"]
    assert len(page) < 600_000


@week
def test_markdown_holds_no_html_and_leads_to_our_pages_alone(name: str, review: WeeklyReview) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(weekly_markdown(review, LINKS))
    inline = [child for token in tokens for child in token.children or ()]
    assert not [token for token in (*tokens, *inline) if token.type in ("html_block", "html_inline", "image")]
    links = {str(token.attrGet("href")) for token in inline if token.type == "link_open"}
    assert links
    assert all(link.startswith("http://localhost:8080/seamwatch/") for link in links), name
    widths: list[int] = []
    for token in tokens:
        if token.type == "tr_open":
            widths.append(0)
        if token.type in ("td_open", "th_open"):
            widths[-1] += 1
        if token.type == "table_close":
            assert len(set(widths)) == 1
            widths = []


def test_forms_stand_as_html_beside_the_agreed_actions() -> None:
    page = page_of(USUAL, Markup('<form id="agree"></form>'))
    assert page.index('id="agreed"') < page.index('<form id="agree"></form>') < page.index('id="grades"')
    assert "<form" not in page_of(USUAL)


def test_the_pipelines_that_need_a_look_stand_before_the_folded_rest() -> None:
    found = Tags()
    found.feed(page_of(FIFTY))
    assert "48 other pipelines in which nothing needs a look: pipeline_01, pipeline_02, pipeline_03, …" in found.text
    assert found.text.index("support_triage") < found.text.index("policy_chat") < found.text.index("48 other pipelines")
    assert "pipeline_48" in found.text


def test_nothing_known_is_no_figure() -> None:
    empty = weekly_markdown(WEEKS["empty"], LINKS)
    assert "100%" not in empty
    assert "no records" in empty
    assert "nobody judged any" in empty
    assert weekly_json(WEEKS["empty"])["pipelines"][0]["quality"]["accuracy"] is None


def test_rendering_leaves_the_facts_as_they_were() -> None:
    before = repr(USUAL)
    first, second = (
        (page_of(USUAL), weekly_markdown(USUAL, LINKS), weekly_json(USUAL), digest_of(USUAL)) for _ in "12"
    )
    assert first == second
    assert repr(USUAL) == before


def lines_of(blocks: list[dict[str, object]]) -> int:
    """Return how many rows a message has: each block is one, a list as many as it has items."""
    lists = [
        part
        for block in blocks
        for part in block.get("elements", ())  # type: ignore[attr-defined]
        if part.get("type") == "rich_text_list"
    ]
    return len(blocks) - len(lists) + sum(len(part["elements"]) for part in lists)


any_text = st.one_of(
    st.text(max_size=300), st.sampled_from(["", "&" * 400, "😀" * 300, "<!channel>", "\ud800\u202e", EVIL])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(any_text, min_size=1, max_size=8), st.lists(any_text, min_size=1, max_size=60, unique=True))
def test_slack_takes_a_digest_of_any_texts_on_one_screen(texts: list[str], owners: list[str]) -> None:
    fixes = tuple(
        FixFirst(
            pipeline="pipeline_0",
            objective=text,
            incident=line(n, text),
            spent=0.5,
            amount=12.0,
            is_money=False,
            owner_role=text,
            owner=text,
        )
        for n, text in enumerate(texts)
    )
    agreed = tuple(
        replace(AGREED[0], action=replace(AGREED[0].action, pipeline=None, text=text, owner=text)) for text in texts
    )
    pipelines = tuple(
        replace(FIFTY.pipelines[n % 2], pipeline=f"pipeline_{n}", owner=owner) for n, owner in enumerate(owners)
    )
    text, blocks = digest_of(replace(USUAL, fix_first=fixes[:3], agreed=agreed, pipelines=pipelines))
    assert message_error(text, blocks) is None
    assert lines_of(blocks) <= MOST_LINES
    assert "<!" not in text


def test_where_a_channel_has_buttons_the_digest_has_the_form_of_its_week_and_a_menu_of_agreed_actions() -> None:
    review = WEEKS["usual"]
    names = [one.pipeline for one in review.pipelines]
    rendered = block_kit.render(weekly_digest(review, names, LINKS, has_form=True).head)
    (menu,), row = [block["elements"] for block in rendered if block["type"] == "actions"]
    due = [one.action for one in review.agreed if one.action.state is AgreedState.OPEN]
    values = [one["value"] for one in menu["options"]]
    assert (menu["action_id"], len(due)) == (block_kit.AGREED_ID, 2)
    assert {value for value in values if not value.endswith("/reopen")} == {
        f"{one.id}/{wish}" for one in due for wish in ("done", "drop")
    }
    assert [one["text"]["text"] for one in row] == ["Open the review", "Agree on an action"]
    assert row[1] == {"type": "button", "text": row[1]["text"], "action_id": block_kit.AGREE_ID, "value": "2026-W47"}

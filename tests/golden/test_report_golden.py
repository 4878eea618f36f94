"""Every rendering of realistic incidents, byte for byte."""

import json
from dataclasses import asdict, replace

import pytest
from markdown_it import MarkdownIt

from seamwatch.core.incident_life import ChangeKind, allowed_actions
from seamwatch.report import block_kit
from seamwatch.report.html import render_html
from seamwatch.report.incident_json import report_json
from seamwatch.report.markdown import render_markdown
from seamwatch.report.message import incident_message
from seamwatch.vocabulary import IncidentState
from seamwatch_demo.slack_rules import message_error


def test_html_page_is_as_agreed(example, golden):
    name, made = example
    golden(f"html/{name}.html", render_html(made.report))


def test_markdown_is_as_agreed(example, golden):
    name, made = example
    golden(f"markdown/{name}.md", render_markdown(made.report))


def test_json_is_as_agreed(example, golden):
    name, made = example
    golden(f"json/{name}.json", json.dumps(report_json(made.report), indent=1) + "\n")


def test_slack_message_is_as_agreed_and_taken_by_slack(example, golden):
    name, made = example
    message = incident_message(made.report, (made.change,))
    head, thread = block_kit.render(message.head), block_kit.render(message.thread)
    texts = block_kit.fallback(message.fallback), block_kit.fallback(message.thread_fallback)
    assert message_error(texts[0], head) is None
    assert message_error(texts[1], thread) is None
    shown = {"text": texts[0], "head": head, "thread_text": texts[1], "thread": thread}
    golden(f"slack/{name}.json", json.dumps(shown, indent=1, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("state", IncidentState)
def test_slack_takes_the_message_in_every_state_with_buttons_whatever_changed(example, state):
    _, made = example
    report = replace(made.report, state=state, actions=allowed_actions(state), last_action="x" * 5_000)
    (head,) = {incident_message(report, (change,)).head for change in ChangeKind}
    shown = block_kit.render(head)
    assert len(shown) <= 14
    assert shown[-1]["type"] == "actions"
    for change in ChangeKind:
        message = incident_message(report, (change,))
        assert message_error(block_kit.fallback(message.fallback), shown) is None, change
        told = block_kit.fallback(message.thread_fallback)
        assert message_error(told, block_kit.render(message.thread)) is None, change


@pytest.mark.parametrize("change", [ChangeKind.RESOLVED, ChangeKind.REOPENED])
def test_a_reply_on_what_is_over_or_back_has_two_lines(example, change):
    _, made = example
    message = incident_message(made.report, (change,))
    assert [block["type"] for block in block_kit.render(message.thread)] == ["rich_text", "context"]


def test_rendering_leaves_a_report_as_it_was_and_gives_the_same_again(example):
    _, made = example
    before = asdict(made.report)
    first, second = (
        (
            render_html(made.report),
            render_markdown(made.report),
            report_json(made.report),
            incident_message(made.report, (made.change,)),
        )
        for _ in range(2)
    )
    assert asdict(made.report) == before
    assert first == second


def test_page_asks_for_nothing_from_outside(example):
    _, made = example
    page = render_html(made.report)
    assert "<script" not in page
    assert "@import" not in page
    assert "url(http" not in page
    assert ' src="' not in page
    assert page.count("<link ") == page.count('<link rel="icon" href="data:,">') == 1


def test_markdown_tables_survive_any_text(example):
    _, made = example
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown(made.report))
    assert not [t for t in tokens if t.type == "html_block"]
    inline = [child for token in tokens if token.children for child in token.children]
    assert not [t for t in inline if t.type == "html_inline"]
    assert {t.attrGet("href") for t in inline if t.type == "link_open"} == {made.report.links.report}
    rows, width, n = [], None, 0
    for token in tokens:
        if token.type == "table_open":
            width = None
        if token.type == "tr_open":
            n = 0
        if token.type in ("td_open", "th_open"):
            n += 1
        if token.type == "tr_close":
            width = width or n
            rows.append(n == width)
    assert rows
    assert all(rows)

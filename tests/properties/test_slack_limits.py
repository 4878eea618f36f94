"""Any text whatever stays inside Slack's limits, and makes no mention, link or formatting."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seamwatch.report import block_kit
from seamwatch.report.blocks import (
    ActionButton,
    ActionMenu,
    AgreedMenu,
    Bullets,
    Buttons,
    Confirmation,
    Divider,
    Emphasis,
    Facts,
    Heading,
    Link,
    Mention,
    Paragraph,
    Preformatted,
    Run,
    Small,
)
from seamwatch.report.markdown import code_span, escape_markdown
from seamwatch.vocabulary import IncidentAction, IncidentState
from seamwatch_demo.slack_rules import message_error

NASTY = st.sampled_from(
    [
        "<!channel>",
        "<@U0EVIL>",
        "<!subteam^S0EVIL>",
        "<https://evil.example|click>",
        "https://evil.example",
        "*b* _i_ ~s~ `c`",
        "[a](javascript:alert(1))",
        "<script>",
        "&lt;!here&gt;",
        "@channel",
        "\x00",
        "\ud800",
        "😀" * 400,
        "&" * 3000,
        "",
        " ",
        "\n\n# h",
        "| a |",
        "x" * 20_000,
    ]
)
TEXTS = st.one_of(NASTY, st.text(max_size=40), st.lists(st.one_of(NASTY, st.text(max_size=8)), max_size=6).map("".join))
RUNS = st.lists(st.builds(Run, text=TEXTS, emphasis=st.sampled_from(Emphasis)), max_size=5).map(tuple)


@st.composite
def button_rows(draw: st.DrawFn) -> tuple[ActionButton | ActionMenu, ...]:
    """Buttons and menus of different actions, with texts of any kind."""
    confirmations = st.one_of(st.none(), st.builds(Confirmation, title=TEXTS, text=TEXTS, yes=TEXTS, no=TEXTS))
    rows: list[ActionButton | ActionMenu] = []
    for action in draw(st.lists(st.sampled_from(IncidentAction), unique=True)):
        more = {"text": draw(TEXTS), "action": action, "incident_id": draw(TEXTS), "confirmation": draw(confirmations)}
        if draw(st.booleans()):
            options = tuple(draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=4)))
            rows.append(ActionMenu(**more, options=options))
        else:
            rows.append(ActionButton(**more, is_primary=draw(st.booleans())))
    return tuple(rows)


AGREED_MENUS = st.builds(
    AgreedMenu,
    text=TEXTS,
    options=st.lists(st.tuples(TEXTS, st.sampled_from(["done", "drop"]), TEXTS), max_size=120).map(tuple),
    confirmation=st.builds(Confirmation, title=TEXTS, text=TEXTS, yes=TEXTS, no=TEXTS),
)
BLOCKS = st.one_of(
    st.builds(Heading, TEXTS, st.sampled_from(IncidentState)),
    st.builds(Paragraph, RUNS),
    st.builds(Preformatted, TEXTS),
    st.builds(Bullets, st.lists(RUNS, max_size=50).map(tuple), st.booleans()),
    st.builds(Facts, st.lists(st.tuples(st.sampled_from(["Where", "Confidence"]), TEXTS), max_size=12).map(tuple)),
    st.builds(Small, TEXTS),
    st.builds(Mention, st.just("To act: model owner"), st.one_of(st.none(), TEXTS)),
    st.builds(Buttons, st.lists(st.builds(Link, TEXTS, TEXTS), max_size=30).map(tuple)),
    st.builds(Buttons, button_rows()),
    st.builds(Buttons, AGREED_MENUS.map(lambda menu: (menu,))),
    st.just(Divider()),
)


def texts_read_as_markup(value: object) -> list[str]:
    """Every text that Slack would parse: mrkdwn objects, wherever they stand."""
    if isinstance(value, list):
        return [text for each in value for text in texts_read_as_markup(each)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if value.get("type") == "mrkdwn" else []
    return own + [text for each in value.values() for text in texts_read_as_markup(each)]


@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, max_size=70), TEXTS)
def test_any_message_is_within_all_limits(blocks, text):
    rendered = block_kit.render(blocks)
    assert message_error(block_kit.fallback(text), rendered) is None
    str(rendered).encode("utf-8")


@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, max_size=20))
def test_no_text_makes_a_mention_link_or_formatting(blocks):
    allowed = {"*Where*", "*Confidence*", "To act: model owner"}
    rendered = block_kit.render(blocks)
    for text in texts_read_as_markup(rendered):
        assert text in allowed, f"untrusted text is read as markup: {text!r}"
    for block in rendered:
        parts = block.get("elements", []) if block["type"] == "rich_text" else []
        runs = [run for part in parts for each in part["elements"] for run in each.get("elements", [each])]
        assert {run["type"] for run in runs} <= {"text"}


@given(TEXTS)
def test_fallback_holds_no_angle_bracket(text):
    shown = block_kit.fallback(text)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", shown)
    assert shown


@given(st.from_regex(r"@[UW][A-Z0-9]{5,10}", fullmatch=True))
def test_a_configured_user_is_mentioned(target):
    assert block_kit.mention(target) == f"<{target}>"


@given(TEXTS)
def test_text_is_no_markdown(text):
    line = escape_markdown(text)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"| {line} | end |\n| --- | --- |\n\n- {line}\n")
    kinds = {child.type for token in tokens for child in token.children or ()} | {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "em_open", "strong_open", "code_inline"}
    assert not kinds & {"heading_open", "ordered_list_open", "s_open", "hr"}
    assert sum(token.type == "th_open" for token in tokens) == 2


@given(TEXTS)
def test_code_span_holds_the_text_and_nothing_else(text):
    tokens = [child for token in MarkdownIt().parse(f"a {code_span(text)} b") for child in token.children or ()]
    assert {token.type for token in tokens} <= {"text", "code_inline"}

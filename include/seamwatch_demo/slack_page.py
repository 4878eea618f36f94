"""Messages as a page that looks like Slack, every text escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from seamwatch_demo.slack_messages import OpenedForm, PrivateMessage, SlackMessage

Json = Mapping[str, Any]

_MARKUP = (
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)"), r"<b>\1</b>"),
    (re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)"), r"<i>\1</i>"),
    (re.compile(r"(?<!\w)~([^~\n]+)~(?!\w)"), r"<s>\1</s>"),
)
_ANGLES = re.compile(r"<([^<>]+)>")
_STYLE_TAGS = (("code", "code"), ("bold", "b"), ("italic", "i"), ("strike", "s"))


def render_page(
    channels: Mapping[str, Sequence[tuple[SlackMessage, Sequence[SlackMessage]]]],
    *,
    private: Sequence[PrivateMessage] = (),
    is_live: bool = False,
) -> str:
    """Return one HTML page of all channels, threads open.

    Args:
        channels: Heads with their replies, by channel.
        private: What single people were shown.
        is_live: Whether buttons can be pressed; else they are there to be seen.
    """
    template = _environment().get_template("slack.html.j2")
    return template.render(channels=channels, private=private, is_live=is_live)


def render_form(form: OpenedForm) -> str:
    """Return the page of a form that somebody is shown."""
    return _environment().get_template("slack_form.html.j2").render(form=form)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seamwatch_demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"text": _text, "rich": _rich, "clock": _clock, "web": _web, "plain": _plain}
    return environment


def _clock(ts: str) -> str:
    return f"{datetime.fromtimestamp(float(ts), tz=UTC):%H:%M}"


def _web(url: str) -> str:
    """Return an address that a page may link to; anything but http leads nowhere."""
    return url if url.startswith(("http://", "https://")) else "#"


def _plain(text: str) -> str:
    """Return a text whose three escapes are undone, as Slack shows it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _text(value: Json) -> Markup:
    """Return a text object; only `mrkdwn` has markup."""
    return _mrkdwn(str(value["text"])) if value["type"] == "mrkdwn" else escape(value["text"])


def _mrkdwn(text: str) -> Markup:
    """Return Slack's markup as HTML: angle brackets are links and mentions, the rest is formatting."""
    parts: list[str] = []
    at = 0
    for found in _ANGLES.finditer(text):
        parts += [_formatted(text[at : found.start()]), _angle(found[1])]
        at = found.end()
    return Markup("".join([*parts, _formatted(text[at:])]))  # noqa: S704 - every part is escaped


def _formatted(text: str) -> str:
    html = str(escape(_plain(text)))
    for pattern, tag in _MARKUP:
        html = pattern.sub(tag, html)
    return html


def _angle(inside: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith(("@", "!", "#")):
        return _mention(label or target.removeprefix("!subteam^"))
    return f'<a href="{escape(_web(target))}">{escape(label or target)}</a>'


def _mention(name: str) -> str:
    return f'<span class="mention">@{escape(name.lstrip("@#!"))}</span>'


def _rich(block: Json) -> Markup:
    """Return a rich text block."""
    return Markup("".join(_rich_part(part) for part in block["elements"]))  # noqa: S704 - every part is escaped


def _rich_part(part: Json) -> str:
    if part["type"] == "rich_text_list":
        tag = "ol" if part["style"] == "ordered" else "ul"
        return f"<{tag}>{''.join(f'<li>{_runs(item)}</li>' for item in part['elements'])}</{tag}>"
    tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}.get(part["type"], "p")
    return f"<{tag}>{_runs(part)}</{tag}>"


def _runs(section: Json) -> str:
    return "".join(_run(run) for run in section["elements"])


def _run(run: Json) -> str:
    match run["type"]:
        case "user":
            return _mention(str(run["user_id"]))
        case "usergroup":
            return _mention(str(run["usergroup_id"]))
        case "emoji":
            return f":{escape(run['name'])}:"
        case "link":
            html = f'<a href="{escape(_web(str(run["url"])))}">{escape(run.get("text") or run["url"])}</a>'
        case _:
            html = str(escape(run["text"]))
    for name, tag in _STYLE_TAGS:
        if run.get("style", {}).get(name):
            html = f"<{tag}>{html}</{tag}>"
    return html

"""Render neutral blocks as Slack Block Kit. Slack's limits, escaping and emoji live here and nowhere else.

Untrusted text stands in `plain_text` and `rich_text` elements only, where Slack reads no markup. The one `mrkdwn`
element with content holds words of ours and a mention whose id was checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from seamwatch.report.blocks import (
    ActionMenu,
    AgreeButton,
    AgreedMenu,
    Block,
    Bullets,
    Buttons,
    Confirmation,
    Control,
    Divider,
    Emphasis,
    Facts,
    FormMenu,
    Heading,
    Link,
    Mention,
    Paragraph,
    Preformatted,
    Run,
    Small,
)
from seamwatch.report.text import printable
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.owners import GROUP, USER
from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, IncidentState

Json = dict[str, Any]

ACTION_PREFIX = "seamwatch:"
VALUE_SEPARATOR = "/"
"""Between an incident's id and what was chosen for it."""
FORM_MENU_ID = f"{ACTION_PREFIX}more"
"""By which name Slack says that a form was chosen in a menu."""
AGREE_ID = f"{ACTION_PREFIX}agree"
"""The same of the button that opens the form of an agreed action."""
AGREED_ID = f"{ACTION_PREFIX}agreed"
"""The same of the menu that says what became of one."""

# Slack's documented limits (docs.slack.dev, Block Kit reference); the total is undocumented and was found by trial.
_MOST_BLOCKS = 50
_TOTAL_CHARS = 12_500
_HEADER_CHARS = 150
_FIELD_CHARS = 2_000
_MOST_FACTS = 5
_RICH_TEXT_CHARS = 3_000
_MOST_ITEMS = 30
_MOST_RUNS = 60
_SMALL_CHARS = 2_000
_BUTTON_CHARS = 75
_MOST_BUTTONS = 25
_URL_CHARS = 3_000
_VALUE_CHARS = 2_000
_OPTION_CHARS = 75
OPTION_VALUE_CHARS = 150
_CONFIRM_TITLE_CHARS = 100
_CONFIRM_TEXT_CHARS = 300
_CONFIRM_BUTTON_CHARS = 30
_MOST_OPTIONS = 100
_MOST_OVERFLOW_OPTIONS = 5
_FALLBACK_CHARS = 1_000
_LEAST_USEFUL_CHARS = 200

_EMOJI = {
    IncidentState.OPEN: "🔴",
    IncidentState.ACKNOWLEDGED: "👀",
    IncidentState.MUTED: "🔕",
    IncidentState.MITIGATED: "🩹",
    IncidentState.RESOLVED: "✅",
    IncidentState.MERGED: "🔗",
    IncidentState.VOIDED: "🚫",
}
_STYLES: dict[Emphasis, Json] = {
    Emphasis.STRONG: {"bold": True},
    Emphasis.CODE: {"code": True},
    Emphasis.REMOVED: {"strike": True},
}
_ESCAPES = {"&": 5, "<": 4, ">": 4}


def render(blocks: Iterable[Block]) -> list[Json]:
    """Return Block Kit blocks within Slack's limits; what does not fit is cut at the end, and said."""
    rendered: list[Json] = []
    left = _TOTAL_CHARS
    for block in blocks:
        if len(rendered) == _MOST_BLOCKS - 1 or left < _LEAST_USEFUL_CHARS:
            rendered.append(_small("Cut here to fit into Slack; the report has it all."))
            break
        element, used = _render(block, left)
        if element is not None:
            rendered.append(element)
            left -= used
    return rendered


def fallback(text: str) -> str:
    """Return a message's `text`, escaped so that it holds no mention and no link."""
    short = _clip(text, _FALLBACK_CHARS)
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mention(target: str) -> str | None:
    """Return Slack's markup for `@U012AB` or `!subteam^S01`; None for anything else."""
    if user := USER.fullmatch(target):
        return f"<@{user[1]}>"
    if group := GROUP.fullmatch(target):
        return f"<!subteam^{group[1]}>"
    return None


def _render(block: Block, left: int) -> tuple[Json | None, int]:
    """Return the element and the characters it uses, at most `left`."""
    limit = min(left, _RICH_TEXT_CHARS)
    found: tuple[Json | None, int]
    match block:
        case Heading(text, state):
            found = _header(text if state is None else f"{_EMOJI[state]} {text}")
        case Paragraph(runs):
            found = _passage("rich_text_section", runs, limit)
        case Preformatted(text):
            found = _passage("rich_text_preformatted", (Run(text=text),), limit)
        case Bullets(items, ordered):
            found = _bullets(items, ordered, limit)
        case Facts(facts):
            found = _facts(facts, left)
        case Mention(lead, target):
            found = _mention(lead, target)
        case Small(text):
            shown = _clip(text, min(left, _SMALL_CHARS))
            found = _small(shown), _weight(shown)
        case Buttons(items):
            found = _buttons(items)
        case Divider():
            found = {"type": "divider"}, 0
    return found


def _header(text: str) -> tuple[Json, int]:
    shown = _clip(text, _HEADER_CHARS)
    return {"type": "header", "text": _plain(shown)}, _weight(shown)


def _passage(kind: str, runs: Sequence[Run], limit: int) -> tuple[Json | None, int]:
    elements, used = _runs(runs, limit)
    return _rich_text({"type": kind, "elements": elements}), used


def _rich_text(*elements: Json) -> Json | None:
    filled = [element for element in elements if element["elements"]]
    return {"type": "rich_text", "elements": filled} if filled else None


def _runs(runs: Sequence[Run], limit: int) -> tuple[list[Json], int]:
    elements: list[Json] = []
    used = 0
    for run in runs[:_MOST_RUNS]:
        if limit - used < 2:
            break
        text = _clip(run.text, limit - used, or_else="")
        if not text:
            continue
        style = _STYLES.get(run.emphasis)
        kind = {"type": "link", "url": run.url} if run.url and _is_web_address(run.url) else {"type": "text"}
        elements.append({**kind, "text": text} | ({"style": style} if style else {}))
        used += _weight(text)
    return elements, used


def _bullets(items: Sequence[Sequence[Run]], ordered: bool, limit: int) -> tuple[Json | None, int]:
    sections: list[Json] = []
    used = 0
    for item in items[:_MOST_ITEMS]:
        elements, chars = _runs(item, limit - used)
        if elements:
            sections.append({"type": "rich_text_section", "elements": elements})
        used += chars
    style = "ordered" if ordered else "bullet"
    return _rich_text({"type": "rich_text_list", "style": style, "elements": sections}), used


def _facts(items: Sequence[tuple[str, str]], left: int) -> tuple[Json | None, int]:
    fields: list[Json] = []
    used = 0
    for label, value in items[:_MOST_FACTS]:
        limit = min(_FIELD_CHARS, (left - used) // 2)
        # A label is ours, but keep markup out of it all the same: what Slack could read as markup is dropped.
        name, shown = _clip(re.sub(r"[*_~`<>&]", "", label), limit), _clip(value, limit)
        fields += [{"type": "mrkdwn", "text": f"*{name}*", "verbatim": True}, _plain(shown)]
        used += _weight(name) + 2 + _weight(shown)
    return ({"type": "section", "fields": fields} if fields else None), used


def _mention(lead: str, target: str | None) -> tuple[Json, int]:
    markup = mention(target) if target else None
    if markup is None:
        shown = _clip(f"{lead} {target}" if target else lead, _SMALL_CHARS)
        return {"type": "section", "text": _plain(shown)}, _weight(shown)
    text = f"{_clip(re.sub(r'[*_~`<>&]', ' ', lead), _SMALL_CHARS)} {markup}"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}, _weight(text)


def _small(text: str) -> Json:
    return {"type": "context", "elements": [_plain(text)]}


_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*")
"""Slack refuses the whole message for one address that has no host, or a blank."""


def _is_web_address(url: str) -> bool:
    return len(url) <= _URL_CHARS and _WEB_ADDRESS.fullmatch(url) is not None


def _buttons(items: Sequence[Control]) -> tuple[Json | None, int]:
    """Return the row; what Slack would refuse the whole message for is left out."""
    found = [element for item in items[:_MOST_BUTTONS] if (element := _button(item)) is not None]
    used = sum(_text_weight(element) for element in found)
    return ({"type": "actions", "elements": found} if found else None), used


def _button(item: Control) -> Json | None:
    if isinstance(item, FormMenu):
        return _overflow(item)
    text = _plain(_clip(item.text, _BUTTON_CHARS))
    if isinstance(item, AgreeButton):
        return {"type": "button", "text": text, "action_id": AGREE_ID, "value": item.week}
    if isinstance(item, ActionMenu):
        return _menu(item, text)
    if isinstance(item, AgreedMenu):
        return _agreed_menu(item, text)
    style = {"style": "primary"} if item.is_primary else {}
    if isinstance(item, Link):
        return {"type": "button", "text": text, "url": item.url} | style if _is_web_address(item.url) else None
    if not 0 < len(item.incident_id) <= _VALUE_CHARS:
        return None
    button = {"type": "button", "text": text, "action_id": action_id(item.action), "value": item.incident_id}
    return button | style | _confirm(item.confirmation)


def _menu(item: ActionMenu, text: Json) -> Json | None:
    options = _options(item.incident_id, item.options[:_MOST_OPTIONS])
    if not options:
        return None
    menu = {"type": "static_select", "action_id": action_id(item.action), "placeholder": text, "options": options}
    return menu | _confirm(item.confirmation)


def _agreed_menu(item: AgreedMenu, text: Json) -> Json | None:
    options = [option(f"{name}{VALUE_SEPARATOR}{wish}", label) for name, wish, label in item.options[:_MOST_OPTIONS]]
    if not options or any(len(one["value"]) > OPTION_VALUE_CHARS for one in options):
        return None
    menu = {"type": "static_select", "action_id": AGREED_ID, "placeholder": text, "options": options}
    return menu | _confirm(item.confirmation)


def _overflow(item: FormMenu) -> Json | None:
    options = _options(item.incident_id, item.options[:_MOST_OVERFLOW_OPTIONS])
    return {"type": "overflow", "action_id": FORM_MENU_ID, "options": options} if options else None


def _options(incident_id: str, choices: Iterable[tuple[str, str]]) -> list[Json]:
    """Return the choices of a menu, none where Slack would refuse one.

    The value of a choice names the incident too, since Slack says of a menu nothing else of ours.
    """
    options = [option(f"{incident_id}{VALUE_SEPARATOR}{value}", label) for value, label in choices]
    return [] if any(len(one["value"]) > OPTION_VALUE_CHARS for one in options) else options


def option(value: str, label: str) -> Json:
    """Return one choice of a menu; its value has at most `OPTION_VALUE_CHARS`."""
    return {"text": plain_text(label, _OPTION_CHARS), "value": value}


def plain_text(text: str, most_chars: int) -> Json:
    """Return a text in which Slack reads no markup, cut to a length."""
    return _plain(_clip(text, most_chars))


def _confirm(asked: Confirmation | None) -> Json:
    if asked is None:
        return {}
    return {
        "confirm": {
            "title": _plain(_clip(asked.title, _CONFIRM_TITLE_CHARS)),
            "text": _plain(_clip(asked.text, _CONFIRM_TEXT_CHARS)),
            "confirm": _plain(_clip(asked.yes, _CONFIRM_BUTTON_CHARS)),
            "deny": _plain(_clip(asked.no, _CONFIRM_BUTTON_CHARS)),
        }
    }


def action_id(action: IncidentAction | ApprovalAnswer) -> str:
    """Return by which name Slack says that a button of ours was pressed."""
    return f"{ACTION_PREFIX}{action.value}"


def _text_weight(value: object) -> int:
    """Return the characters of all texts inside an element."""
    if isinstance(value, list):
        return sum(_text_weight(one) for one in value)
    if not isinstance(value, dict):
        return 0
    own = value.get("text")
    return sum(_text_weight(one) for one in value.values()) + (_weight(own) if isinstance(own, str) else 0)


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def _weight(text: str) -> int:
    """Return the characters as Slack may count them at worst: escaped, and in UTF-16."""
    escapes = sum((length - 1) * text.count(char) for char, length in _ESCAPES.items())
    return len(text) + escapes + (0 if text.isascii() else sum(char > "\uffff" for char in text))


def _clip(text: str, limit: int, *, or_else: str = "–") -> str:  # noqa: RUF001 - an en dash stands for nothing
    """Return the text within `limit`, an ellipsis where it was cut; `or_else` if nothing is left to show."""
    clean = printable(SECRETS.redact_record(text[: 2 * _RICH_TEXT_CHARS]))
    if not clean.strip() and or_else:
        return or_else
    if len(clean) <= limit and _weight(clean) <= limit:
        return clean
    used = 1
    for n, char in enumerate(clean):
        used += _weight(char)
        if used > limit:
            return f"{clean[:n]}…"
    return clean

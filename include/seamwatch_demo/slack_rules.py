"""Slack's rules for messages, checked as Slack would: from its documentation, without a look at our renderer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_BLOCKS = 50
TOTAL_CHARS = 13_200
"""Over all blocks; undocumented, found by trial."""
TEXT_CHARS = 40_000

_TEXT_TYPES = ("plain_text", "mrkdwn")
_URL = re.compile(r"https?://\S+")
_STYLES = {"bold", "italic", "strike", "code"}


def message_error(text: object, blocks: object) -> tuple[str, list[str]] | None:
    """Return Slack's error code and its reasons; None for a message that Slack takes."""
    if blocks is None or blocks == []:
        if not isinstance(text, str) or not text:
            return "no_text", []
    elif not isinstance(blocks, list):
        return "invalid_blocks_format", []
    if isinstance(text, str) and len(text) > TEXT_CHARS:
        return "msg_too_long", []
    found = blocks if isinstance(blocks, list) else []
    if len(found) > MOST_BLOCKS:
        return "invalid_blocks", [f"no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"]
    reasons = [reason for n, block in enumerate(found) for reason in _block_reasons(block, f"/blocks/{n}")]
    if reasons:
        return "invalid_blocks", reasons
    if total_chars(found) > TOTAL_CHARS:
        return "msg_blocks_too_long", []
    return None


def view_error(view: object) -> tuple[str, list[str]] | None:
    """Return Slack's error code and its reasons; None for a modal that Slack takes."""
    if not isinstance(view, Mapping) or view.get("type") != "modal":
        return "invalid_arguments", ["must be a modal [json-pointer:/view/type]"]
    reasons = [
        reason
        for name in ("title", "submit", "close")
        for reason in _text(view.get(name), f"/view/{name}", most=24, types=("plain_text",))
    ]
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 100:
        return "invalid_arguments", [*reasons, "must have 1 to 100 items [json-pointer:/view/blocks]"]
    for n, block in enumerate(blocks):
        at = f"/view/blocks/{n}"
        is_input = isinstance(block, Mapping) and block.get("type") == "input"
        reasons += _input(block, at) if is_input else _block_reasons(block, at)
    if len(str(view.get("callback_id", ""))) > 255 or len(str(view.get("private_metadata", ""))) > 3_000:
        reasons.append("must be shorter [json-pointer:/view]")
    return ("invalid_arguments", reasons) if reasons else None


def total_chars(value: object) -> int:
    """Return the characters that all texts of a message's blocks hold."""
    if isinstance(value, list):
        return sum(total_chars(each) for each in value)
    if isinstance(value, Mapping):
        own = value.get("text")
        return sum(total_chars(each) for each in value.values()) + (len(own) if isinstance(own, str) else 0)
    return 0


def _block_reasons(block: object, at: str) -> list[str]:
    if not isinstance(block, Mapping):
        return [f"must be an object [json-pointer:{at}]"]
    checks: dict[str, Callable[[Mapping[str, Any], str], list[str]]] = {
        "header": _header,
        "section": _section,
        "context": _context,
        "actions": _actions,
        "rich_text": _rich_text,
        "divider": lambda _block, _at: [],
    }
    check = checks.get(str(block.get("type")))
    if check is None:
        return [f"unsupported type: {block.get('type')} [json-pointer:{at}/type]"]
    reasons = check(block, at)
    if len(str(block.get("block_id", ""))) > 255:
        reasons.append(f"must be less than 256 characters [json-pointer:{at}/block_id]")
    return reasons


def _text(value: object, at: str, *, most: int, types: tuple[str, ...] = _TEXT_TYPES) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"missing text object [json-pointer:{at}]"]
    if value.get("type") not in types:
        return [f"type must be one of {', '.join(types)} [json-pointer:{at}/type]"]
    text = value.get("text")
    if not isinstance(text, str) or not text:
        return [f"must be more than 0 characters [json-pointer:{at}/text]"]
    if len(text) > most:
        return [f"must be less than {most + 1} characters [json-pointer:{at}/text]"]
    allowed = {"type", "text", "emoji"} if value["type"] == "plain_text" else {"type", "text", "verbatim"}
    return [f"additional property: {name} [json-pointer:{at}]" for name in sorted(set(value) - allowed)]


def _header(block: Mapping[str, Any], at: str) -> list[str]:
    return _text(block.get("text"), f"{at}/text", most=150, types=("plain_text",))


def _section(block: Mapping[str, Any], at: str) -> list[str]:
    text, fields = block.get("text"), block.get("fields")
    if text is None and not fields:
        return [f"text or fields is required [json-pointer:{at}]"]
    reasons = [] if text is None else _text(text, f"{at}/text", most=3_000)
    if isinstance(fields, list):
        if len(fields) > 10:
            reasons.append(f"no more than 10 items allowed [json-pointer:{at}/fields]")
        for n, field in enumerate(fields):
            reasons += _text(field, f"{at}/fields/{n}", most=2_000)
    return reasons


def _context(block: Mapping[str, Any], at: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        return [f"must have 1 to 10 items [json-pointer:{at}/elements]"]
    return [r for n, element in enumerate(elements) for r in _text(element, f"{at}/elements/{n}", most=3_000)]


def _actions(block: Mapping[str, Any], at: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        return [f"must have 1 to 25 items [json-pointer:{at}/elements]"]
    reasons: list[str] = []
    checks: dict[object, Callable[[Mapping[str, Any], str], list[str]]] = {
        "button": _button,
        "static_select": _select,
        "overflow": lambda menu, here: _options(menu.get("options"), f"{here}/options", most=5),
    }
    for n, element in enumerate(elements):
        here = f"{at}/elements/{n}"
        check = checks.get(element.get("type")) if isinstance(element, Mapping) else None
        if check is None:
            reasons.append(f"only buttons and menus are known here [json-pointer:{here}/type]")
            continue
        reasons += check(element, here) + _confirm(element.get("confirm"), f"{here}/confirm")
        if len(str(element.get("action_id", ""))) > 255:
            reasons.append(f"must be less than 256 characters [json-pointer:{here}/action_id]")
    ids = [element["action_id"] for element in elements if isinstance(element, Mapping) and "action_id" in element]
    if len(ids) != len(set(ids)):
        reasons.append(f"action_id must be unique [json-pointer:{at}/elements]")
    return reasons


def _button(button: Mapping[str, Any], at: str) -> list[str]:
    reasons = _text(button.get("text"), f"{at}/text", most=75, types=("plain_text",))
    url = button.get("url")
    if url is not None and (not isinstance(url, str) or len(url) > 3_000 or not _URL.fullmatch(url)):
        reasons.append(f"invalid url [json-pointer:{at}/url]")
    if len(str(button.get("value", ""))) > 2_000:
        reasons.append(f"must be less than 2001 characters [json-pointer:{at}/value]")
    if button.get("style") not in (None, "primary", "danger"):
        reasons.append(f"must be primary or danger [json-pointer:{at}/style]")
    return reasons


def _select(menu: Mapping[str, Any], at: str) -> list[str]:
    reasons = _text(menu.get("placeholder"), f"{at}/placeholder", most=150, types=("plain_text",))
    return reasons + _options(menu.get("options"), f"{at}/options", most=100)


def _options(options: object, at: str, *, most: int) -> list[str]:
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        return [f"must have 1 to {most} items [json-pointer:{at}]"]
    reasons: list[str] = []
    for n, option in enumerate(options):
        here = f"{at}/{n}"
        reasons += _text(option.get("text"), f"{here}/text", most=75, types=("plain_text",))
        if "description" in option:
            reasons += _text(option["description"], f"{here}/description", most=75, types=("plain_text",))
        if not 1 <= len(str(option.get("value", ""))) <= 150:
            reasons.append(f"must be 1 to 150 characters [json-pointer:{here}/value]")
    return reasons


def _input(block: Mapping[str, Any], at: str) -> list[str]:
    reasons = _text(block.get("label"), f"{at}/label", most=2_000, types=("plain_text",))
    element = block.get("element")
    kind = element.get("type") if isinstance(element, Mapping) else None
    if not isinstance(element, Mapping) or kind not in ("plain_text_input", "static_select", "datepicker"):
        return [*reasons, f"only texts, days and menus are known here [json-pointer:{at}/element/type]"]
    if kind == "static_select":  # in a form its placeholder may be missing
        return reasons + _options(element.get("options"), f"{at}/element/options", most=100)
    if kind == "datepicker" and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(element.get("initial_date", "2026-01-01"))):
        reasons.append(f"must be a day as YYYY-MM-DD [json-pointer:{at}/element/initial_date]")
    if not 1 <= int(element.get("max_length", 3_000)) <= 3_000:
        reasons.append(f"must be 1 to 3000 [json-pointer:{at}/element/max_length]")
    return reasons


def _confirm(confirm: object, at: str) -> list[str]:
    if confirm is None:
        return []
    if not isinstance(confirm, Mapping):
        return [f"must be an object [json-pointer:{at}]"]
    most = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return [
        reason
        for name, chars in most.items()
        for reason in _text(confirm.get(name), f"{at}/{name}", most=chars, types=("plain_text",))
    ]


def _rich_text(block: Mapping[str, Any], at: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        return [f"must have at least 1 item [json-pointer:{at}/elements]"]
    return [reason for n, element in enumerate(elements) for reason in _rich_part(element, f"{at}/elements/{n}")]


def _rich_part(part: object, at: str) -> list[str]:
    if not isinstance(part, Mapping) or not isinstance(part.get("elements"), list):
        return [f"must have elements [json-pointer:{at}]"]
    kind = part.get("type")
    if kind == "rich_text_list":
        if part.get("style") not in ("bullet", "ordered"):
            return [f"must be bullet or ordered [json-pointer:{at}/style]"]
        return [reason for n, each in enumerate(part["elements"]) for reason in _rich_part(each, f"{at}/elements/{n}")]
    if kind not in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
        return [f"unsupported type: {kind} [json-pointer:{at}/type]"]
    return [reason for n, run in enumerate(part["elements"]) for reason in _run(run, f"{at}/elements/{n}")]


def _run(run: object, at: str) -> list[str]:
    if not isinstance(run, Mapping):
        return [f"must be an object [json-pointer:{at}]"]
    wanted = {"text": "text", "link": "url", "user": "user_id", "usergroup": "usergroup_id", "emoji": "name"}
    name = wanted.get(str(run.get("type")))
    if name is None:
        return [f"unsupported type: {run.get('type')} [json-pointer:{at}/type]"]
    if not isinstance(run.get(name), str) or not run[name]:
        return [f"must be more than 0 characters [json-pointer:{at}/{name}]"]
    style = run.get("style", {})
    if not isinstance(style, Mapping) or set(style) - _STYLES:
        return [f"unknown style [json-pointer:{at}/style]"]
    return []

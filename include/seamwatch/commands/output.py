"""What a command writes: lines for people, and JSON."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from seamwatch.report.text import json_text, visible, visible_lines
from seamwatch.secret_redaction import SECRETS


def say(text: str) -> None:
    """Write to standard error, without secrets and with what would steer a terminal made visible."""
    print(visible_lines(SECRETS.redact(text)), file=sys.stderr, flush=True)


def pause(seconds: float) -> None:
    """Wait because a channel asks for it, and say so: a command that stands still looks as if it hung."""
    say(f"a channel asks for a pause: waiting {seconds:.0f} s ...")
    time.sleep(seconds)


def print_line(line: str) -> None:
    """Write one line to standard output, as safely as `say` does."""
    print(visible(SECRETS.redact_record(line)))


def write_json(target: Path | None, document: dict[str, Any]) -> None:
    """Write a result without secrets to a file, or to standard output for `-`; nothing without a target."""
    if target is None:
        return
    text = json_text(SECRETS.redact_document(document))
    if str(target) == "-":
        print(text)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n", encoding="utf-8")

"""A process that is killed while it carries out a pressed button: `press_worker.py ROOT SLACK_URL WHEN < payload`.

WHEN is `recorded` (after Slack was told that the press has come) or `never` (then the address of Slack may kill it).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from parcels import make_deps
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.engine.slack_actions import handle_action


def main(root: Path, url: str, when: str) -> None:
    url = url.replace("PID", str(os.getpid()))
    info = ConnectionInfo(conn_id="slack_test", conn_type="slack", password="xoxb-1", extra={"base_url": url})
    deps = replace(make_deps(root, {}), notifier=lambda _: SlackNotifier(info))

    def acknowledge() -> None:
        if when == "recorded":
            os.kill(os.getpid(), signal.SIGKILL)

    handle_action(deps, json.load(sys.stdin), acknowledge=acknowledge)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])

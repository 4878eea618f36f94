"""Whether Slack itself sent a request: its signature, version v0, and its age.

Source: Slack, "Verifying requests from Slack".
"""

from __future__ import annotations

from datetime import datetime

from slack_sdk.signature import Clock, SignatureVerifier


class _At(Clock):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> float:
        return self._now.timestamp()


def is_signed(signing_secret: object, body: bytes, *, timestamp: str, signature: str, now: datetime) -> bool:
    """Return whether a request was signed with the secret, and at most five minutes ago.

    Args:
        signing_secret: Of the Slack app; what is no text signs nothing.
        body: As it came.
        timestamp: Header `X-Slack-Request-Timestamp`, seconds since 1970.
        signature: Header `X-Slack-Signature`.
        now: Aware time.
    """
    if not isinstance(signing_secret, str) or not timestamp.isascii() or not timestamp.isdigit():
        return False
    try:
        return SignatureVerifier(signing_secret, clock=_At(now)).is_valid(body, timestamp, signature)
    except Exception:  # whatever a stranger can make of a header or a body is no signature
        return False

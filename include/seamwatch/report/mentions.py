"""Who is meant by a mention of Slack, for pages: only Slack shows `!subteam^S01` as a name."""

from __future__ import annotations

_KINDS = {"!subteam^": "Slack group ", "@": "Slack user "}


def mention_text(mention: str) -> str:
    """Return a mention as a pipeline file has it in words; what is no mention comes back as it is."""
    for sign, kind in _KINDS.items():
        if mention.startswith(sign):
            return kind + mention.removeprefix(sign)
    return mention

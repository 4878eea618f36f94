"""Who is called: the roles of `owners`, and the forms of a Slack mention."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from seamwatch.spec.base import as_tuple
from seamwatch.vocabulary import Responsibility

RELIABILITY = "reliability"
"""Whose is what nobody else owns."""
ROLES = (RELIABILITY, *(role.value for role in Responsibility))
USER = re.compile(r"@([UW][A-Z0-9]{2,20})")
"""A person, by Slack's id."""
GROUP = re.compile(r"!subteam\^(S[A-Z0-9]{1,20})")
"""A user group, by Slack's id."""
_MARKUP = re.compile(r"<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+)(?:\|[^<>]*)?>")
_BARE_ID = re.compile(r"([UW]|S)[A-Z0-9]{4,20}")
_FORMS = "a person is @U012AB (Slack: profile, Copy member ID), a group !subteam^S012AB"


def _without_markup(mention: str) -> str:
    """Return `@U012AB` for `<@U012AB>`, as it is copied out of a message; anything else as it is."""
    found = _MARKUP.fullmatch(mention.strip())
    return found[1] if found else mention


Mention = Annotated[str, AfterValidator(_without_markup)]
Mentions = Annotated[tuple[Mention, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]


def owner_role(owners: Mapping[str, str], responsibility: Responsibility) -> str:
    """Return the role that acts on an incident: that of the responsible part where it has an owner, else reliability's.

    Where neither has one it is the responsible part's, and nobody is called.
    """
    return next((role for role in (responsibility.value, RELIABILITY) if role in owners), responsibility.value)


def owner_problems(owners: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield role and text of every owner that nobody would be called by."""
    for role, mention in owners.items():
        if role not in ROLES:
            near = difflib.get_close_matches(role, ROLES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ";"
            yield role, f"unknown role {role!r}{hint} known: {', '.join(ROLES)}"
        elif problem := mention_problem(mention):
            yield role, problem


def mention_problem(mention: str) -> str | None:
    """Return why Slack would call nobody; None for a form that it knows."""
    if USER.fullmatch(mention) or GROUP.fullmatch(mention):
        return None
    shown = repr(mention[:60])
    if found := _BARE_ID.fullmatch(mention):
        return f"{shown} is no mention; write {'!subteam^' if found[1] == 'S' else '@'}{mention}"
    if "@" in mention[1:]:
        return f"{shown} is an e-mail address, which Slack does not resolve; {_FORMS}"
    if mention.startswith("@"):
        return f"{shown} is a name, which Slack does not resolve; {_FORMS}"
    return f"{shown} is no mention that Slack resolves; {_FORMS}"

"""A dead man's switch: an address outside that raises the alarm when nobody calls it any more."""

from __future__ import annotations

import httpx

from seamwatch.adapters.deadline import DeadlinePassed, within
from seamwatch.errors import AdapterError

DEADLINE_S = 10.0


def call_heartbeat(url: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Send a GET to the address; its answer's body is not read.

    Args:
        url: A secret: whoever knows it can keep the switch from raising its alarm.
        deadline_s: Seconds for all of it: looking up the name, connecting, and an answer that drips.

    Raises:
        AdapterError: If it does not answer 2xx in time; the message does not hold the address.
    """

    def call() -> int:
        with httpx.stream("GET", url, timeout=deadline_s) as response:
            return response.status_code

    try:
        answer = within(deadline_s, call)
    except DeadlinePassed:
        msg = f"the heartbeat address did not answer within {deadline_s:g} s"
        raise AdapterError(msg, retryable=True) from None
    except Exception as error:  # whatever it is, it is this one call's failure; its text may hold the address
        msg = f"the heartbeat address could not be called ({type(error).__name__}); check SEAMWATCH_HEARTBEAT_URL"
        raise AdapterError(msg, retryable=True) from None
    if not 200 <= answer < 300:
        msg = f"the heartbeat address answered HTTP {answer}; check SEAMWATCH_HEARTBEAT_URL"
        raise AdapterError(msg, retryable=True)

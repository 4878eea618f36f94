"""A dead man's switch: an address outside that raises the alarm when nobody calls it any more."""

from __future__ import annotations

import threading

import httpx

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
    answers: list[int | str] = []

    def call() -> None:
        try:
            with httpx.stream("GET", url, timeout=deadline_s) as response:
                answers.append(response.status_code)
        except Exception as error:  # whatever it is, it is this one call's failure; its text may hold the address
            answers.append(type(error).__name__)

    # Time-outs of clients count from byte to byte, and none covers the look-up of a name: so it waits in a thread.
    thread = threading.Thread(target=call, name="heartbeat", daemon=True)
    thread.start()
    thread.join(deadline_s)
    if not answers:
        msg = f"the heartbeat address did not answer within {deadline_s:g} s"
        raise AdapterError(msg, retryable=True)
    (answer,) = answers
    if isinstance(answer, str):
        msg = f"the heartbeat address could not be called ({answer}); check SEAMWATCH_HEARTBEAT_URL"
        raise AdapterError(msg, retryable=True)
    if not 200 <= answer < 300:
        msg = f"the heartbeat address answered HTTP {answer}; check SEAMWATCH_HEARTBEAT_URL"
        raise AdapterError(msg, retryable=True)

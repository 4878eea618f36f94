"""Why no connection came about, in words that lead to what has to be mended."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator


def explain_connect_error(error: BaseException) -> tuple[str, bool]:
    """Return why a connection failed, as what follows the endpoint's name, and whether a later try may succeed.

    Clients wrap what the system said, some of them several tries at once, so causes are searched.
    """
    causes = list(_causes(error))
    if any(isinstance(one, ssl.SSLError) and not _reason(one) for one in causes):
        return _HUNG_UP_IN_TLS, True  # TLS found nothing wrong: what carries it ended
    for kind, words, may_pass in _KINDS:
        found = next((one for one in causes if isinstance(one, kind)), None)
        if found is not None:
            return words.format(said=_said(found)), may_pass
    return f"no connection came about ({type(causes[-1]).__name__})", True


_HUNG_UP_IN_TLS = "closes the connection while TLS is set up"

_KINDS: tuple[tuple[type[BaseException], str, bool], ...] = (
    (ssl.SSLCertVerificationError, "its TLS certificate is not accepted ({said})", False),
    (ssl.SSLEOFError, _HUNG_UP_IN_TLS, True),
    (ssl.SSLError, "TLS cannot be set up ({said}); check whether its address begins with http or https", False),
    (socket.gaierror, "its host is unknown ({said})", True),
    (ConnectionRefusedError, "refuses connections", True),
    (ConnectionError, "breaks connections off while they are set up ({said})", True),
    (OSError, "cannot be reached ({said})", True),
)
"""From the most particular on; what was said of it, and whether it may pass."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]


def _said(error: BaseException) -> str:
    """Return the system's own words, without places in source code."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "verification failed"
    if isinstance(error, ssl.SSLError):
        return _reason(error).replace("_", " ").lower()
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def _reason(error: ssl.SSLError) -> str:
    """Return what TLS calls the fault, or nothing; errors that Python's own code raises have no such attribute."""
    return getattr(error, "reason", None) or ""

"""What is said of a connection that did not come about, for errors that no server on loopback produces at will."""

from __future__ import annotations

import ssl

import pytest

from seamwatch.adapters.models.connect_errors import explain_connect_error


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol"),
        ssl.SSLSyscallError(5, "Some I/O error occurred"),
        ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"),
        ssl.SSLError("handshake operation failed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_end_without_a_word_of_tls_may_pass(error: ssl.SSLError) -> None:
    assert explain_connect_error(error) == ("closes the connection while TLS is set up", True)


def test_the_cause_behind_a_clients_own_error_is_told() -> None:
    error = RuntimeError("connection failed")
    error.__cause__ = ssl.SSLSyscallError(5, "Some I/O error occurred")
    assert explain_connect_error(error) == ("closes the connection while TLS is set up", True)

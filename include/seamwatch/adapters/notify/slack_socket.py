"""Slack's Socket Mode: Slack tells of pressed buttons over a connection that we open, so no address of ours is public.

The client is slack_sdk's own, which is a dependency already; slack-bolt adds nothing that is used here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.notify.slack_errors import SlackAnswer, explain_exception, explain_refusal
from seamwatch.errors import NotifyError
from seamwatch.secret_redaction import SECRETS

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 15
_PING_S = 2.0
"""A connection that is lost without a word is noticed after about five of them."""
_BUFFER_BYTES = 65_536
"""The client reads a message by calling itself once a buffer; by its own default a message of 1 MB is too deep."""
Handle = Callable[[dict[str, Any], Callable[[], None]], None]
"""Takes a payload, and what tells Slack that it has come."""


class SlackSocket:
    """An open connection to Slack, opened again by itself whenever it is lost."""

    def __init__(self, connection: ConnectionInfo, handle: Handle) -> None:
        """Prepare the client.

        Args:
            connection: Extra `app_token` is the app-level token (xapp-...); `base_url` and `proxy` are optional.
            handle: Called with each payload, in a thread of its own; what it raises is that payload's failure alone.

        Raises:
            NotifyError: If the connection has no app-level token.
        """
        token = connection.extra.get("app_token")
        if not isinstance(token, str) or not token.strip():
            msg = (
                f"Slack connection {connection.conn_id!r} has no app-level token; put one (xapp-..., scope "
                "connections:write) into its extra app_token, and switch Socket Mode on in the app's settings"
            )
            raise NotifyError(msg)
        SECRETS.learn(token)
        self._place, self._handle = f"Slack connection {connection.conn_id!r}", handle
        proxy = connection.extra.get("proxy")
        base_url = str(connection.extra.get("base_url") or WebClient.BASE_URL)
        log = _quiet_logger()
        web = WebClient(base_url=base_url, timeout=_TIMEOUT_S, proxy=proxy, logger=log)
        self._client = SocketModeClient(
            app_token=token,
            web_client=web,
            proxy=proxy,
            logger=log,
            ping_interval=_PING_S,
            receive_buffer_size=_BUFFER_BYTES,
        )
        self._client.socket_mode_request_listeners.append(self._take)

    def open(self) -> None:
        """Connect; afterwards payloads are handled until `close`.

        Raises:
            NotifyError: If Slack refuses, or cannot be reached.
        """
        try:
            self._client.connect_to_new_endpoint(force=True)
        except SlackApiError as error:
            raised = _refused(self._place, SlackAnswer.of(error.response))
        except Exception as error:  # whatever a client or a network may raise
            raised = explain_exception(self._place, "apps.connections.open", error)
        else:
            if self._client.is_connected():
                return
            msg = f"{self._place}: the socket that Slack named could not be opened"
            raise NotifyError(msg, retryable=True)
        raise raised from None  # the cause's text repeats the request's headers

    def is_open(self) -> bool:
        """Return whether Slack can reach us now."""
        return bool(self._client.is_connected())

    def close(self) -> None:
        """Take no more, and wait for what is being carried out."""
        self._client.close()

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        def acknowledge() -> None:
            try:
                client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            except Exception as error:  # Slack tells of it again then; what was recorded is carried out all the same
                _LOG.warning("%s: a message was not acknowledged: %s", self._place, type(error).__name__)

        try:
            if request.type == "interactive":
                self._handle(request.payload, acknowledge)
            else:
                acknowledge()
        except Exception as error:  # one payload's failure: the next one is taken all the same
            _LOG.warning("%s: a message was not carried out: %s", self._place, SECRETS.redact(str(error)))


def _refused(place: str, answer: SlackAnswer) -> NotifyError:
    """Return what a refusal to open a socket means."""
    explained = explain_refusal(place, "apps.connections.open", answer)
    if explained.retryable or explained.wait_s is not None:
        return explained
    code = answer.data.get("error")
    return NotifyError(
        f"{place}: apps.connections.open answered {code}; its extra app_token must be a current app-level token "
        "(xapp-...) with the scope connections:write, and Socket Mode must be switched on in the app's settings"
    )


def _quiet_logger() -> logging.Logger:
    """Return a logger that drops the client's own lines: they hold whole payloads, and addresses that are secrets."""
    logger = logging.getLogger(f"{__name__}.client")
    logger.setLevel(logging.CRITICAL)
    return logger

"""The task that waits for a person's answer to an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, REJECT = "Approve", "Reject"
SLACK_USER = "slack_user"
"""Field of the form that says who pressed the button, where the answer came by Slack."""


def answer_form() -> dict[str, Any]:
    """Return what a person may answer, and what stands for no answer in time."""
    about = "Filled in where a button in Slack was pressed; leave it empty here."
    user = Param(None, type=["null", "string"], title="Slack user", description=about)
    return {"options": [APPROVE, REJECT], "defaults": REJECT, "params": {SLACK_USER: user}}


class ApprovalStep(HITLOperator):
    """Waits for a person, or not at all where there is nothing to approve; no answer in time is a rejection."""

    def execute(self, context: Context) -> Any:
        """Return nothing at once where the text to approve is empty; else park until somebody answers."""
        return super().execute(context) if self.body else None

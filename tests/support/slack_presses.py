"""What Slack sends when somebody presses a button or sends a form, as the demo's people do."""

from seamwatch_demo.slack_presses import element_of, payload_of, signed, submission_of

__all__ = ["element_of", "payload_of", "signed", "submission_of"]

"""What Slack sends when somebody presses a button, as the demo's people do."""

from seamwatch_demo.slack_presses import element_of, payload_of, signed

__all__ = ["element_of", "payload_of", "signed"]

"""Registers Seamwatch's pages in the Airflow UI; what they show is decided in seamwatch.orchestration.ui."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from seamwatch.orchestration.page_access import PREFIX
from seamwatch.orchestration.slack_route import SLACK_PREFIX, create_slack_app
from seamwatch.orchestration.ui import create_app, external_views


class SeamwatchPlugin(AirflowPlugin):
    """Incidents in the navigation and as a tab of every pipeline's DAGs."""

    name = "seamwatch"
    fastapi_apps: ClassVar = [
        # The longer prefix first. An app of its own: Slack signs its requests, and has no login of Airflow.
        {"app": create_slack_app(), "url_prefix": SLACK_PREFIX, "name": "Seamwatch for Slack"},
        {"app": create_app(), "url_prefix": PREFIX, "name": "Seamwatch"},
    ]
    external_views: ClassVar = external_views()

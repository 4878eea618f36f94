"""Registers Seamwatch's pages in the Airflow UI; what they show is decided in seamwatch.orchestration.ui."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from seamwatch.orchestration.ui import PREFIX, create_app, external_views


class SeamwatchPlugin(AirflowPlugin):
    """Incidents in the navigation and as a tab of every pipeline's DAGs."""

    name = "seamwatch"
    fastapi_apps: ClassVar = [{"app": create_app(), "url_prefix": PREFIX, "name": "Seamwatch"}]
    external_views: ClassVar = external_views()

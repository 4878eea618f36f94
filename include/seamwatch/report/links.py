"""Where a report points to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


def review_address(base: str, pipeline: str) -> str:
    """Return the path of a pipeline's review page below that of all pages."""
    return f"{base}/review/{quote(pipeline, safe='')}"


@dataclass(frozen=True, kw_only=True)
class Links:
    """Every address in a message or report; the only place that knows how they are made."""

    report: str
    """The root-cause report of the incident."""
    incidents: str
    """The list of incidents, inside the Airflow UI."""
    dag: str
    """The validation DAG, whose grid shows the broken stage."""
    data_docs: str
    """Folder of the Data Docs; ends with a slash."""
    base: str = ""
    """Of the Airflow UI, without a slash."""

    @classmethod
    def under(cls, ui_url: str, *, pipeline: str, incident_id: str) -> Links:
        """Return the links under the base URL of the Airflow UI, where the plugin serves `/seamwatch`."""
        base = ui_url.rstrip("/")
        return cls(
            report=f"{base}/seamwatch/incidents/{quote(incident_id, safe='')}",
            incidents=f"{base}/plugin/seamwatch",
            dag=f"{base}/dags/{quote(pipeline, safe='')}__validate",
            data_docs=f"{base}/seamwatch/data-docs/",
            base=base,
        )

    def task(self, task: str) -> str:
        """Return the address of a task in Airflow, named as `dag/run/task`."""
        dag, _, rest = task.partition("/")
        run, _, name = rest.rpartition("/")
        return f"{self.base}/dags/{quote(dag, safe='')}/runs/{quote(run, safe='')}/tasks/{quote(name, safe='')}"

    def data_docs_of(self, path: str | None) -> str | None:
        """Return the address of Data Docs stored at `path` (relative to the data folder), or None."""
        return None if path is None else self.data_docs + quote(path)


@dataclass(frozen=True, kw_only=True)
class WeeklyLinks:
    """Where a weekly review points to."""

    base: str
    """Of the pages: their path, or with a host where the reader is elsewhere; without a slash at its end."""

    @classmethod
    def under(cls, ui_url: str) -> WeeklyLinks:
        """Return the links under the base URL of the Airflow UI, where the plugin serves `/seamwatch`."""
        return cls(base=f"{ui_url.rstrip('/')}/seamwatch")

    def week(self, name: str) -> str:
        """Return the address of a week's review."""
        return f"{self.base}/weekly/{quote(name, safe='')}"

    def incident(self, incident_id: str) -> str:
        """Return the address of an incident's report."""
        return f"{self.base}/incidents/{quote(incident_id, safe='')}"

    def objectives(self, pipeline: str) -> str:
        """Return the address of a pipeline's objectives."""
        return f"{self.base}/objectives/{quote(pipeline, safe='')}"

    def review(self, pipeline: str) -> str:
        """Return the address where answers of a pipeline are judged."""
        return review_address(self.base, pipeline)

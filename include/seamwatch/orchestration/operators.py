"""One operator for all tasks: it calls a function of `steps` with what the plan gave it."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException

from seamwatch.errors import AdapterError, SeamwatchError, StoreError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey


_MADE_BETWEEN_COLLECTIONS = 50_000


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Have Python look for garbage seldom: what a task loads stays to its end, and there is much of it.

    By default (700 new objects) a third of the time in which a task loads its modules goes into looking through them
    again and again.
    """
    before = gc.get_threshold()
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class ReportLink(BaseOperatorLink):
    """A button on the task that leads to the root-cause report."""

    name = "Root-cause report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task left, once it has run."""
        del ti_key
        return str(operator.report_url)


class StepOperator(BaseOperator):
    """Calls the function `step` of `steps` or `runbook_tasks`; the constructor stores arguments and does nothing else.

    The pipeline travels in the arguments, not in a template field: parse and run cannot disagree, and no text of a
    pipeline file is ever taken for a template.
    """

    template_fields: Sequence[str] = ("window",)
    ui_color = "#e8f1f2"

    def __init__(
        self,
        *,
        step: str,
        project_dir: str,
        pipeline: dict[str, Any] | None = None,
        stage: str | None = None,
        window: Any = None,
        part: str | None = None,
        dag_to_run: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.project_dir = project_dir
        self.pipeline = pipeline
        self.stage = stage
        self.window = window
        self.part = part
        self.dag_to_run = dag_to_run
        self.report_url = ""
        """Set by a step that knows which incident it was about."""

    def execute(self, context: Context) -> Any:
        """Return what the step returns: ids and counts.

        Raises:
            AirflowFailException: For an error that a new try cannot mend; the task fails without retry.
            AdapterError: For one that it may.
            StoreError: Of Seamwatch's own store, which may be locked or away for a while.
        """
        try:
            with collecting_seldom():
                return self._function()(self, context)
        except AdapterError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error
        except StoreError:
            raise
        except SeamwatchError as error:
            raise AirflowFailException(str(error)) from error

    def _function(self) -> Any:
        from seamwatch.orchestration import steps

        if hasattr(steps, self.step):
            return getattr(steps, self.step)
        from seamwatch.orchestration import runbook_tasks  # takes a while to load, and few tasks are of runbooks

        return getattr(runbook_tasks, self.step)


class IncidentOperator(StepOperator):
    """A step about incidents: its task has a button that leads to the report."""

    operator_extra_links = (ReportLink(),)

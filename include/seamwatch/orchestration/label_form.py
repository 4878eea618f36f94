"""A task with a form on which a person judges one answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from seamwatch.vocabulary import LabelKind

if TYPE_CHECKING:
    from airflow.sdk import Context

LEAVE_IT = "Leave it to others"
OPTIONS = {
    "Right": LabelKind.RIGHT,
    "Wrong": LabelKind.WRONG,
    "Cannot tell": LabelKind.CANNOT_TELL,
}
NOTE = "note"


def label_form() -> dict[str, Any]:
    """Return what a person may answer; no answer in time leaves the answer to the review page."""
    note = Param(None, type=["null", "string"], title="Why", description="Optional; kept with the label.")
    return {"options": [*OPTIONS, LEAVE_IT], "defaults": LEAVE_IT, "params": {NOTE: note}}


class LabelForm(HITLOperator):
    """Shows one drawn answer and waits for what a person says of it; not at all where it was judged meanwhile."""

    template_fields: Sequence[str] = ("subject", "body", "item")

    def __init__(self, *, item: str, project_dir: str, **kwargs: Any) -> None:
        super().__init__(subject="An answer to judge", **kwargs)
        self.item = item
        self.project_dir = project_dir

    def execute(self, context: Context) -> Any:
        """Park with the texts of the answer; return at once where nobody needs to judge it any more."""
        from seamwatch.engine.review.label import show_as_form
        from seamwatch.orchestration.deps import open_deps
        from seamwatch.report.review import form_text

        assert self.response_timeout is not None
        instance = context["task_instance"]
        name = f"{instance.dag_id}/{instance.run_id}/{instance.task_id}/{instance.map_index}"
        with open_deps(Path(self.project_dir)) as deps:
            shown = show_as_form(deps, self.item, task=name, within=self.response_timeout)
        if shown is None:
            return None
        # Set when the task runs, so that no text of a record is ever taken for a template.
        self.body = form_text(shown)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep what the person said; what was left or not answered in time waits on the review page."""
        from seamwatch.engine.review.label import label_item, release_item
        from seamwatch.orchestration.deps import open_deps
        from seamwatch.vocabulary import Door

        answer = super().execute_complete(context, event)
        chosen = answer["chosen_options"][0]
        with open_deps(Path(self.project_dir)) as deps:
            if chosen not in OPTIONS:
                release_item(deps, self.item)
                return None
            person = answer["responded_by_user"] or {}
            by = str(person.get("name") or person.get("id") or "Airflow")
            note = str((answer["params_input"] or {}).get(NOTE) or "")
            found = label_item(deps, self.item, OPTIONS[chosen], by=by, door=Door.TASK, note=note)
        if not found.is_kept:
            self.log.warning("not kept: %s judged this answer meanwhile", found.answered_by or "somebody")
        return None

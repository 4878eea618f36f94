"""The attribution section of `docs/BENCHMARKS.md`, from `attribution.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AT_LEAST, AT_MOST = "at least", "at most"
TARGETS: Mapping[str, tuple[str, float]] = {
    "record_stage_accuracy_exhaustive": (AT_LEAST, 0.995),
    "record_stage_accuracy_stochastic": (AT_LEAST, 0.97),
    "record_stage_accuracy_sampled": (AT_LEAST, 0.97),
    "record_stage_accuracy_unreplayed": (AT_LEAST, 0.95),
    "field_accuracy": (AT_LEAST, 0.97),
    "incident_top1": (AT_LEAST, 0.97),
    "incident_top1_with_history": (AT_LEAST, 0.99),
    "pair_exact": (AT_LEAST, 0.90),
    "false_model_blame": (AT_MOST, 0.005),
    "false_incident": (AT_MOST, 0.001),
    "calibration_error": (AT_MOST, 0.03),
    "undetermined_when_removed": (AT_LEAST, 0.95),
    "unasked_calibration": (AT_MOST, 0.02),
    "replay_share": (AT_MOST, 0.05),
    "sequential_ratio": (AT_MOST, 2.0),
    "replay_time_ratio": (AT_MOST, 1.2),
    "wrong_labels_any_600": (AT_LEAST, 0.5),
    "wrong_labels_any_1500": (AT_LEAST, 0.5),
    "wrong_labels_alike_600": (AT_LEAST, 0.5),
    "wrong_labels_alike_1500": (AT_LEAST, 0.5),
    "right_labels_doubted": (AT_MOST, 0.01),
}
MEANINGS: Mapping[str, str] = {
    "record_stage_accuracy_exhaustive": "right responsibility and stage of a failing record; "
    "deterministic models, every one replayed",
    "record_stage_accuracy_stochastic": "the same; models that flip, 1 % to 3 % of the truths wrong",
    "record_stage_accuracy_sampled": "the same; all models, default mode",
    "record_stage_accuracy_unreplayed": "the same; only records judged by their stratum",
    "field_accuracy": "damaged fields exactly, where the stage is right; deterministic models, every one replayed",
    "incident_top1": "right leading cause, where the effect is large enough for any test",
    "incident_top1_with_history": "the same incidents, judged after ten healthy windows of their pipeline, kept "
    "as the product keeps them; large enough still means: for a test without them that knows every rate",
    "incident_top1_any_effect": "the same, also where one record alone was changed",
    "pair_exact": "two faults, both large enough for any test: exactly these two causes are changes; most in windows "
    "of 150 to 300 records, in the default mode alone and without rivals",
    "false_model_blame": "a model leads an incident that only integration caused",
    "false_model_blame_records": "a model is blamed for a record that integration broke",
    "false_incident": "healthy windows with a leading cause",
    "calibration_error": "expected calibration error, bins of equal mass, default mode",
    "undetermined_when_removed": "undetermined, where what would settle it is missing",
    "mislabelled_blames_nobody": "records with a wrong truth label that blame nobody",
    "wrong_labels_any_600": "wrong labels that are doubted: texts of 77 classes, 2 % of labels wrong, of any class; "
    "windows of 600 records",
    "wrong_labels_any_1500": "the same; windows of 1,500 records",
    "wrong_labels_alike_600": "the same, where the wrong class shares topic or wish with the right one; 600 records",
    "wrong_labels_alike_1500": "the same; 1,500 records",
    "right_labels_doubted": "right labels that are doubted in all these windows",
    "unasked_calibration": "mean confidence of records that were not replayed, less the share of them that is right",
    "unasked_calibration_first_cause": "the same, less the share whose first cause is named",
    "replay_share": "calls of the default mode over those of exhaustive replay; where that needs at least 8,000",
    "replay_share_with_benchmark_set": "the same, calls about the benchmark set included on both sides",
    "sequential_ratio": "records drawn until decided over the mean of Wald's test (0.5 against 0.9, errors 5 %) in "
    "each stratum; only incidents that the budget cannot replay whole",
    "replay_time_ratio": "200 calls at 50 ms, 8 at once, over the ideal time",
    "risk_coverage_area": "mean share wrong over all coverages, surest verdicts first",
}
REASONS: Mapping[str, str] = {
    "record_stage_accuracy_sampled": (
        "the interval holds the target, and the run before, `SEED=20261209` at commit d574046, gave 0.9868. Most "
        "that are missed are errors in the chain of two models: each request takes two calls, and a sample says "
        "one model's name of a stratum in which both err; 434 are of the incident that "
        "`record_stage_accuracy_exhaustive` misses."
    ),
    "incident_top1": (
        "the interval holds the target. Of the eight that are missed four are of source data: three with bad "
        "values that nobody corrected, so that no replay can settle them, and whose records do not surely fail "
        "twice as often as others, which leaves each more likely the model's; one with values that were corrected. "
        "The others are two faults of mappings, one of a model, and a pair of which the other one leads."
    ),
    "incident_top1_with_history": (
        "the interval holds the target; a history does not help where a source's bad values are the model's by the "
        "rules, or where the other one of two faults leads."
    ),
    "false_incident": (
        "windows in which 2 % to 3 % of the labels are wrong and nothing betrays them: they are counted to a model "
        "that is wrong in 2 of 100. To expect so many everywhere would hide small faults of models."
    ),
    "unasked_calibration": (
        "the interval holds the target. Where two models err in one record either counts as right, and what is "
        "stated is how likely it is the one that is named: `unasked_calibration_first_cause` counts that one "
        "alone."
    ),
    "record_stage_accuracy_exhaustive": (
        "the interval holds the target, and the run before, `SEED=20261209` at commit d574046, gave 0.9989 (0.9971 "
        "to 0.9997). 434 of the records that are missed are of one incident, "
        "`single/repairs/source_bad_value@1/-/780919`: a source's bad value that nobody corrected, in records of "
        "which two in three fail in any case, so that they are the model's by the rules."
    ),
    "pair_exact": (
        "a record that the first fault breaks alone says nothing of the second. The second is tested among the records "
        "where it could show; where it struck only records that were lost or got no answer, it shows in none."
    ),
    "replay_time_ratio": (
        "a call is reserved in the store before it leaves and booked after it, those that wait at the same time in one "
        "transaction; with the client and the server in the same process, on two shared cores, that takes about "
        "as long as the eight calls on the wire leave for it. In the run shown another one had the cores as well; the "
        "short form gave 1.2 to 1.4 without it."
    ),
    "wrong_labels_any_600": (
        "the interval holds the target; with eight records of a class there is little to tell a wrong label by, of "
        "more there is."
    ),
    "wrong_labels_alike_600": (
        "errors of the model fall on the same alike classes, so a wrong label there looks like one of them; with eight "
        "records of a class there is little to tell the two by."
    ),
    "wrong_labels_alike_1500": "the same; it grows with the records of a class.",
    "record_stage_accuracy_unreplayed": (
        "the interval holds the target, and the run before, `SEED=20261209` at commit d574046, gave 0.9746: "
        "records of a stratum differ in which of two models was wrong, and the stratum's leading verdict names "
        "one."
    ),
}
"""By figure, why its target is not reached."""


def section(document: Mapping[str, Any]) -> list[str]:
    """Return the lines of the section."""
    figures = document["figures"]
    counts = document["counts"]
    return [
        "",
        "## attribution",
        "",
        f"`{document['command']}`: {document['about']}. {counts['without_effect']} incidents changed no outcome and "
        f"are not counted; {counts['not_detectable']} changed too few for an exact test that knows every cause, at one "
        "false incident in 1,000 healthy windows over all causes, and count for records, not for incidents. "
        "The split is the one for testing alone: nothing was fitted to two of its five pipelines, nor to its seed; "
        "errors of the rules that windows of earlier seeds showed were mended, those of these pipelines too. "
        f"{document['seconds'] / 60:.0f} minutes, commit "
        f"{document['commit'][:10]}, Python {document['python']}, {document['cores']} cores, seed {document['seed']}.",
        "",
        "Faults are injected into records on their way through a pipeline; attribution sees the tables that result,",
        "and the models over HTTP. What really caused a failing record is found by running it again without each",
        "fault: a fault is the cause if without it the risk of a wrong outcome is at most half (probability of",
        "necessity; Tian and Pearl, 2000). Intervals are 95 %: of records by resampling incidents, else Wilson's.",
        "",
        "| figure | value | interval | target | reached | what |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_figure_row(name, figure) for name, figure in figures.items()),
        "",
        "Simple rivals on the same records and incidents. They name somebody in every window, a healthy one too,",
        "so they never miss an incident for being careful:",
        "",
        *_rival_table(figures),
        "",
        *_not_reached(figures),
        *_confusions(document["confusion"]["sampled"]),
        *_calibration(document["calibration"]),
        *_weak_spots(document["by"]),
    ]


def is_reached(name: str, value: float) -> bool | None:
    """Return whether a figure reaches its target; None where it has none."""
    if name not in TARGETS:
        return None
    side, target = TARGETS[name]
    return value >= target if side == AT_LEAST else value <= target


def _figure_row(name: str, figure: Mapping[str, Any]) -> str:
    side, target = TARGETS.get(name, ("", 0.0))
    reached = {True: "yes", False: "**no**", None: ""}[is_reached(name, figure["value"])]
    wanted = f"{side} {target:g}" if side else ""
    value, low, high = (f"{figure[key]:.4g}" for key in ("value", "low", "high"))
    return f"| `{name}` | {value} | {low} to {high} | {wanted} | {reached} | {MEANINGS.get(name, figure['unit'])} |"


def _rival_table(figures: Mapping[str, Any]) -> list[str]:
    names = list(dict.fromkeys(rival for figure in figures.values() for rival in figure["rival"]))
    columns = [name for name in names if any(name in f["rival"] for k, f in figures.items() if k.startswith("record_"))]
    rows = [
        f"| `{name}` | **{figure['value']:.3g}** | "
        + " | ".join(f"{figure['rival'][rival]:.3g}" if rival in figure["rival"] else "" for rival in columns)
        + " |"
        for name, figure in figures.items()
        if any(rival in figure["rival"] for rival in columns)
    ]
    head = " | ".join(name.replace("_", " ") for name in columns)
    return [f"| figure | Seamwatch | {head} |", f"| --- | --- | {' | '.join('---' for _ in columns)} |", *rows]


def _not_reached(figures: Mapping[str, Any]) -> list[str]:
    missed = [name for name, figure in figures.items() if is_reached(name, figure["value"]) is False]
    unmeasured = [name for name in TARGETS if name not in figures]
    lines = []
    for name in missed:
        side, target = TARGETS[name]
        reason = REASONS.get(name, "the reason is not known yet.")
        lines.append(f"- `{name}`: {figures[name]['value']:.4g}, wanted {side} {target:g}: {reason}")
    lines += [f"- `{name}` was not measured in this run." for name in unmeasured]
    return ["Not reached:", "", *lines, ""] if lines else ["Every target is reached.", ""]


def _confusions(confusion: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    return [
        "Confusion in the default mode, by responsibility (rows: true, columns: said). `truth` is a wrong label, for "
        "which `undetermined` is right and counted as `truth`; a verdict that is right beside the first one stands on "
        "the diagonal.",
        "",
        *_matrix("records", confusion["records"]),
        "",
        *_matrix("incidents", confusion["incidents"]),
        "",
    ]


def _matrix(name: str, matrix: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = sorted(matrix)
    columns = sorted({said for row in matrix.values() for said in row})
    return [
        f"| {name} | {' | '.join(column.replace('_', ' ') for column in columns)} |",
        f"| --- | {' | '.join('---' for _ in columns)} |",
        *(
            f"| {row.replace('_', ' ')} | {' | '.join(str(matrix[row].get(column, 0)) for column in columns)} |"
            for row in rows
        ),
    ]


def _calibration(curve: Sequence[Mapping[str, float]]) -> list[str]:
    return [
        "Calibration in the default mode: verdicts by confidence.",
        "",
        "| mean confidence | share right | verdicts |",
        "| --- | --- | --- |",
        *(f"| {part['confidence']:.3f} | {part['right']:.3f} | {part['n']:,} |" for part in curve),
        "",
    ]


def _weak_spots(by: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return the fault kinds with the lowest record accuracy, so that nobody has to look for them."""
    faults = [(name, row) for name, row in by["fault"].items() if "records_sampled" in row]
    weakest = sorted(faults, key=lambda item: item[1]["records_sampled"])[:8]
    return [
        "Weakest fault kinds (share of records right, evidence removed or not):",
        "",
        "| fault | incidents | every record replayed | default mode |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name.replace('_', ' ')} | {row['incidents']} | {row['records_exhaustive']:.3f} | "
            f"{row['records_sampled']:.3f} |"
            for name, row in weakest
        ),
    ]

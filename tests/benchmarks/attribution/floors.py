"""What the short form must not fall below (or rise above): a little worse than what its fixed seed gives.

It has few incidents, so a single one moves a share of incidents by some hundredths: one more miss of the leading cause
is let through, a second one is not. None of them is so large that `replay_share` could be measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from write_page import Figure

AT_LEAST: Mapping[str, float] = {
    "record_stage_accuracy_exhaustive": 0.99,
    "record_stage_accuracy_stochastic": 0.985,
    "record_stage_accuracy_sampled": 0.98,
    "record_stage_accuracy_unreplayed": 0.98,
    "field_accuracy": 0.99,
    "field_accuracy_stochastic": 0.99,
    "field_accuracy_sampled": 0.99,
    "incident_top1": 0.87,
    "undetermined_when_removed": 0.98,
    "verdict_right": 0.99,
    "wrong_labels_any_600": 0.3,
}
AT_MOST: Mapping[str, float] = {
    "false_model_blame": 0.0,
    "false_model_blame_records": 0.02,
    "confidently_wrong": 0.0,
    "attribution_raised": 0.0,
    "false_incident": 0.0,
    "calibration_error": 0.03,
    "calibration_error_exhaustive": 0.035,
    "sequential_ratio": 1.3,
    "unasked_calibration": 0.03,
    "right_labels_doubted": 0.01,
}


def broken(
    figures: Mapping[str, Figure],
    at_least: Mapping[str, float] = AT_LEAST,
    at_most: Mapping[str, float] = AT_MOST,
) -> list[str]:
    """Return in words every figure that is worse than its floor, or that is missing."""
    found = [f"{name} was not measured" for name in (*at_least, *at_most) if name not in figures]
    found += [
        f"{name} is {figures[name].value:.4g}, below its floor of {floor:g}"
        for name, floor in at_least.items()
        if name in figures and figures[name].value < floor
    ]
    found += [
        f"{name} is {figures[name].value:.4g}, above its ceiling of {ceiling:g}"
        for name, ceiling in at_most.items()
        if name in figures and figures[name].value > ceiling
    ]
    return found

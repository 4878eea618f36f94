"""What the figures must not fall below (or rise above): a little worse than what was measured on the train side.

The short form has few incidents, so a single one moves a share of incidents by some hundredths. None of them is so
large that `replay_share` could be measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from write_page import Figure

AT_LEAST: Mapping[str, float] = {
    "record_stage_accuracy_exhaustive": 0.97,
    "record_stage_accuracy_stochastic": 0.95,
    "record_stage_accuracy_sampled": 0.88,
    "field_accuracy": 0.95,
    "incident_top1": 0.75,
    "undetermined_when_removed": 0.90,
    "verdict_right": 0.95,
}
AT_MOST: Mapping[str, float] = {
    "false_model_blame": 0.10,
    "confidently_wrong": 0.0,
    "attribution_raised": 0.0,
    "false_incident": 0.02,
    "calibration_error": 0.10,
    "sequential_ratio": 2.0,
    "unasked_calibration": 0.06,
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

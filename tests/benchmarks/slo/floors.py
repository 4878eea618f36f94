"""What the short form of each part must not fall below, or rise above: a little worse than what its fixed seed gives.

A share of twenty outages moves by 0.05 with each of them, and a rate over twelve months by 0.083: where the figure is
of so few, one more miss is let through and a second one is not.
"""

from __future__ import annotations

from collections.abc import Mapping

AT_LEAST: Mapping[str, Mapping[str, float]] = {
    "alerts": {
        **dict.fromkeys((f"outage_detected_goal_{goal}" for goal in (80, 85, 90, 95)), 1.0),
        "outage_detected_goal_80_bursts": 0.95,
        "outage_detected_goal_85_bursts": 0.95,
        "outage_detected_goal_90_bursts": 0.95,
        "outage_detected_goal_95_bursts": 0.95,
        **dict.fromkeys((f"outage_detected_goal_{goal}_patches" for goal in (80, 85, 90, 95)), 0.95),
        "outage_detected_independent_5_an_hour_page": 0.40,
        "outage_detected_independent_5_an_hour_any": 0.82,
        "outage_detected_independent_50_an_hour_page": 0.99,
        "outage_detected_bursts_5_an_hour_any": 0.77,
        "outage_detected_bursts_50_an_hour_page": 0.95,
        "outage_detected_bursts_50_an_hour_any": 0.97,
        "outage_detected_patches_5_an_hour_page": 0.36,
        "outage_detected_patches_5_an_hour_any": 0.81,
        "outage_detected_patches_50_an_hour_page": 0.99,
        "slow_burn_detected_1_5x": 0.87,
        "slow_burn_detected_2x": 0.87,
        "slow_burn_detected_3x": 0.88,
        "slow_burn_detected_1_5x_where_the_workbook_is_noisy": 0.86,
        "slow_burn_detected_2x_where_the_workbook_is_noisy": 0.91,
        "slow_burn_detected_3x_where_the_workbook_is_noisy": 0.91,
    },
    "latency": {
        "latency_carrier_right": 0.92,
        "latency_carrier_right_at_once": 0.92,
        "latency_detected_50_an_hour_2x": 1.0,
        "latency_detected_500_an_hour_2x": 1.0,
    },
    "cost": {
        "cost_factor_right": 0.97,
        "cost_source_right": 0.86,
        "cost_retry_loop_within_50_calls": 0.99,
        "cost_projection_covered_by_90_percent": 0.86,
    },
    "drift": {
        "drift_detected_0_2_sd_varying_days_200_a_day": 1.0,
        "drift_detected_0_5_sd_varying_days_200_a_day": 1.0,
        "drift_detected_1_sd_varying_days_200_a_day": 1.0,
        "drift_found_in_a_chain": 1.0,
        "drift_place_right": 1.0,
        "drift_hurt_right": 1.0,
    },
    "injection": {
        "injection_hard_precision": 0.88,
        "injection_hard_recall": 0.76,
        "injection_hard_recall_disguised": 0.97,
        "injection_hard_in_data_recall": 0.57,
        "injection_hard_in_data_precision": 0.9,
        "injection_wave_detected_4_an_hour": 1.0,
        "injection_wave_detected_20_an_hour": 1.0,
        "injection_wave_detected_100_an_hour": 1.0,
    },
    "tick": {},
}
AT_MOST: Mapping[str, Mapping[str, float]] = {
    "alerts": {
        "false_pages_half_worst": 0.1,
        "false_pages_half_mean": 0.01,
        "false_tickets_half_worst": 2.8,
        "false_pages_brim_worst": 0.17,
        "false_tickets_brim_worst": 5.5,
        "false_pages_turn_worst": 0.17,
        "outage_minutes_goal_80": 45,
        "outage_minutes_goal_85": 45,
        "outage_minutes_goal_90": 40,
        "outage_minutes_goal_95": 35,
        "outage_minutes_goal_80_bursts": 135,
        "outage_minutes_goal_85_bursts": 120,
        "outage_minutes_goal_90_bursts": 110,
        "outage_minutes_goal_95_bursts": 100,
        "outage_minutes_goal_80_patches": 140,
        "outage_minutes_goal_85_patches": 105,
        "outage_minutes_goal_90_patches": 80,
        "outage_minutes_goal_95_patches": 75,
        "slow_burn_hours_1_5x": 33,
        "slow_burn_hours_2x": 22,
        "slow_burn_hours_3x": 11,
    },
    "latency": {
        "quantile_error_latency": 0.01,
        "quantile_error_cost": 0.01,
        "latency_detected_minutes_50_an_hour_2x": 70,
        "latency_detected_minutes_500_an_hour_2x": 27,
        "latency_false_incidents_90_days": 0,
        "latency_false_incidents_90_days_any_change": 0,
    },
    "cost": {
        "cost_source_undetermined": 0.03,
        "cost_retry_loop_calls_until_found": 10,
        "cost_retry_loop_calls_until_found_slow_calls": 10,
        "cost_runaway_calls_until_found": 58,
        "cost_jump_of_2_detected_hours": 2,
        "cost_jump_of_5_detected_hours": 1,
        "cost_false_loops_90_days": 0,
        "cost_false_jumps_90_days": 0,
        "cost_projection_error": 0.045,
    },
    "drift": {
        "drift_false_alarms_varying_days_200_a_day": 0,
        "drift_days_until_found_0_2_sd_varying_days_200_a_day": 7,
        "drift_days_until_found_0_5_sd_varying_days_200_a_day": 4,
        "drift_days_until_found_1_sd_varying_days_200_a_day": 2,
    },
    "injection": {
        "injection_hard_false_positive_rate": 0.07,
        "injection_hard_false_positive_rate_disguised_harmless": 0,
        "injection_hard_in_data_false_positive_rate": 0.1,
        "injection_false_incidents_per_90_days_steady": 0,
        "injection_false_incidents_per_90_days_days": 0,
        "injection_false_incidents_per_90_days_copies": 0.5,
        "injection_wave_calls_4_an_hour": 18,
        "injection_wave_calls_20_an_hour": 11,
        "injection_wave_calls_100_an_hour": 12,
    },
    "tick": {"tick_peak_memory": 0.6},
}
SHARE_OF_RIVAL: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "latency": {"quantile_seconds": ("one_value_at_a_time", 0.3)},
    "tick": {"tick_incremental": ("everything_anew", 0.2), "tick_with_watches": ("everything_anew", 0.1)},
}
"""Seconds are of one machine on one day: at most this share of what the rival took in the same run."""

"""How sure it is that a service burns its error budget, at any time and however often one looks.

The e-value of a window is how much likelier its bad events are if the bad share is raised than if it is what a healthy
service may have: a mixture over several raised shares, so that none has to be known beforehand. Its expectation is at
most one in healthy windows. The sum over windows of several lengths that end now is an e-detector (Shiryaev-Roberts)
with all but a few starts left out: on healthy services it reaches c on average at most once in c looks, whenever and
however often one looks, at any traffic.

Bad events come in bursts: a prompt that fails, a customer who asks again, a provider's hiccup. Both likelihoods are
therefore beta-binomial, with a correlation that gives the window's count the variance of `design_effect` times a
binomial's (see `clustering.py`). One burst then explains itself, and only several tell of an outage.

Sources: J. Shin, A. Ramdas, A. Rinaldo (2023), "E-detectors: a nonparametric framework for sequential change
detection", theorem 2.4; H. Robbins (1970), "Statistical methods related to the law of the iterated logarithm", for the
method of mixtures; J. G. Skellam (1948) for the beta-binomial, W. G. Cochran (1977), "Sampling techniques", section
9.4, for its correlation by the design effect. Departures: the design effect is learnt, not known, so the bound holds
as far as the past tells of bursts; a few window lengths stand for all starts, which only loses evidence.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.detection.beta_binomial import log_sequence

Floats = NDArray[np.float64]

RAISED_ODDS = 2.0
"""The raised shares have 2, 4, 8, ... times the odds of the healthy one: no share in between is far from all."""
HIGHEST_SHARE = 0.95
"""No raised share is beyond this; a service where all is wrong is close enough to it."""
_LEAST_CORRELATION = 1e-7
_MOST_CORRELATION = 0.999


def needed_evidence(false_alarms: float, *, over: timedelta, every: timedelta, n_series: int = 1) -> float:
    """Return the e-value from which on healthy series together give so many false alarms in a span, on average.

    Args:
        false_alarms: Above 0.
        over: The span.
        every: How often one looks; of what is one start an hour, an hour, however often one looks within it.
        n_series: Series that share the false alarms.
    """
    return over / every / false_alarms * n_series


def log_evidence(
    bad: Floats | float, total: Floats | float, *, healthy_share: Floats | float, design_effect: Floats | float
) -> Floats:
    """Return the logarithm of the e-value of windows; 0.0 (no evidence either way) where a window is empty.

    Args:
        bad: Bad events, 0 to `total`; all arguments are broadcast.
        total: Events of the window.
        healthy_share: The largest bad share of a healthy service, inside (0, 1).
        design_effect: Variance of the count, in variances of independent events; at least 1.
    """
    k, n, p0, effect = np.broadcast_arrays(
        *(np.asarray(given, dtype=float) for given in (bad, total, healthy_share, design_effect))
    )
    correlation = np.clip((effect - 1.0) / np.maximum(n - 1.0, 1.0), _LEAST_CORRELATION, _MOST_CORRELATION)
    precision = 1.0 / correlation - 1.0
    healthy = log_sequence(k, n, p0 * precision, (1.0 - p0) * precision)
    odds = p0 / (1.0 - p0)
    total_log, weight, factor = np.full(k.shape, -np.inf), np.zeros(k.shape), RAISED_ODDS
    while True:
        raised = odds * factor / (1.0 + odds * factor)
        is_tried = (raised <= HIGHEST_SHARE) | (weight == 0)
        if not is_tried.any():
            break
        raised = np.minimum(raised, 1.0 - 1e-9)
        ratio = log_sequence(k, n, raised * precision, (1.0 - raised) * precision) - healthy
        total_log = np.where(is_tried, np.logaddexp(total_log, ratio), total_log)
        weight, factor = weight + is_tried, factor * RAISED_ODDS
    return np.asarray(np.where(n > 0, total_log - np.log(weight), 0.0), dtype=float)

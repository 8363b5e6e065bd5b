"""Bins of photoelectrons, windows in time, and the counts of CsI 2017 in them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError
from cevnsjax.detector.detector import Detector
from cevnsjax.experiments.experiment import ExperimentData
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables
from cevnsjax.experiments.releases.csi_2017.time import BRN, beam_on

VARIANCES = ("C+AC+BRN", "C+AC")
"""What the variance adds up: coincidence and anticoincidence data, and expected neutrons."""


def without_time(
    tables: Csi2017Tables,
    edges: tuple[float, ...],
    inside: Bool[np.ndarray, " time"],
    neutrons: Float[np.ndarray, "bin"],
    variance: str,
) -> ExperimentData:
    """Data less anticoincidence data, their variance, and the neutrons."""
    coincidence, anticoincidence = (x.sum(axis=1) for x in beam_on(tables, edges, inside))
    return {
        "observed": coincidence - anticoincidence,
        "variance": coincidence + anticoincidence + (neutrons if variance == "C+AC+BRN" else 0.0),
        "backgrounds": {BRN: neutrons},
    }


def edges_of(bins: Sequence[float], statistic: str) -> tuple[float, ...]:
    """Edges of the photoelectron bins, one bin over the whole range with "counting" [PE]."""
    edges = checks.numbers("csi-2017: bins", bins, example="(6, 30)")
    if any(b <= a for a, b in pairwise(edges)):
        raise InputError(f"csi-2017: bins {list(bins)} must be increasing edges, e.g. (6, 30)")
    if any(e % 2 or not 0 <= e <= 50 for e in edges):
        raise InputError(
            f"csi-2017: bin edges {list(bins)} must be even numbers of PE from 0 to 50, the "
            "published binning"
        )
    if statistic == "counting":
        return edges[0], edges[-1]
    if len(edges) == 2:
        return tuple(float(e) for e in np.arange(edges[0], edges[1] + 1, 2))
    return tuple(edges)


def times_inside(tables: Csi2017Tables, window_us: Sequence[float]) -> np.ndarray:
    """Which time bins lie in the window."""
    low, high = checks.numbers("csi-2017: window_us", window_us, length=2, example="(0, 6)")
    if not 0 <= low < high <= 12:
        raise InputError(f"csi-2017: window_us ({low:g}, {high:g}) must lie within 0 and 12 us")
    inside = (tables.t_us > low) & (tables.t_us < high)
    if not inside.any() or any(t % 0.5 for t in (low, high)):
        raise InputError(f"csi-2017: window_us {window_us} must span 0.5 us bins from 0 to 12 us")
    if low > 0 or high < 6:
        raise InputError(
            f"csi-2017: window_us ({low:g}, {high:g}) must start at 0 and end at 6 us or later: "
            "the prediction holds all neutrinos and neutrons, as the papers' does"
        )
    return inside


def accepted_neutrons(tables: Csi2017Tables, detector: Detector) -> Float[np.ndarray, "bin"]:
    """Beam neutrons in the bins; the release takes the acceptance at 1-PE bin centres [count].

    All of them arrive within the first 4 us, which every allowed window contains.
    """
    counts = tables.neutron_per_gwh * tables.beam_exposure_gwh
    accepted = counts * detector.efficiency(tables.neutron_n_pe, np)
    return np.histogram(tables.neutron_n_pe, bins=detector.edges, weights=accepted)[0]

"""CsI 2017 in photoelectrons and time: Poisson cells of 2 PE x 0.5 us with a steady-state model.

Arrival-time densities are the release's (doi:10.5281/zenodo.1228631), not normalised in the
window: 8.5 % of the delayed neutrinos come after 6 us. The steady-state background is the
energy projection of the anticoincidence data times a model in time; that sample is finite, which
enters as the uncertainty 1/sqrt(events) of its normalisation, its projection is taken as it is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cevnsjax.experiments.experiment import SIGNAL, Pull
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables
from cevnsjax.experiments.releases.pulls import chosen_pulls

SHORT = "csi2017"
STEADY_STATES = ("exponential", "flat", "anticoincidence")
_SOURCES = {
    "nu_mu": "prompt_neutrinos",
    "nu_mu_bar": "delayed_neutrinos",
    "nu_e": "delayed_neutrinos",
}
_BRN, _STEADY = "prompt_neutrons", "steady_state"
_WIDTH_US = 0.5


def in_time(
    tables: Csi2017Tables,
    edges: tuple[float, ...],
    inside: np.ndarray,
    neutrons: np.ndarray,
    *,
    steady_state: str,
    pulls: Mapping[str, float] | None,
    prompt_neutrons: bool,
) -> dict[str, Any]:
    """What the time dimension adds to the experiment, as arguments of ``Experiment``.

    Args:
        tables: The release.
        edges: Photoelectron edges [PE].
        inside: Which of the 0.5-us time bins are in the window.
        neutrons: Prompt neutrons in the photoelectron bins [count].
        steady_state: One of ``STEADY_STATES``.
        pulls: Standard deviations by short name; 0 removes one, infinity leaves it free [1].
        prompt_neutrons: Whether beam neutrons are part of the prediction.

    Raises:
        UnknownNameError: At an unknown pull.
        InputError: At a pull that is no width.
    """
    counts = {
        which: _cells(tables, tables.counts[which][:, inside], edges)
        for which in ("coincidence_beam_on", "anticoincidence_beam_on")
    }
    observed = counts["coincidence_beam_on"]
    steady = _steady(counts["anticoincidence_beam_on"], steady_state)
    backgrounds = {_STEADY: steady.reshape(-1)}
    if prompt_neutrons:
        arrival = tables.arrival["prompt_neutrons"][inside]
        backgrounds[_BRN] = np.outer(neutrons, arrival).reshape(-1)
    n_bins = len(edges) - 1
    centres = tables.t_us[inside]
    t_edges = [round(float(t) - _WIDTH_US / 2, 6) for t in centres]
    return {
        "observed": observed.reshape(-1),
        "variance": np.maximum(observed, 1.0).reshape(-1),
        "backgrounds": backgrounds,
        "pulls": _pulls(pulls, float(steady.sum()), prompt_neutrons),
        "extra": {"t_us": (*t_edges, t_edges[-1] + _WIDTH_US)},
        "spread": {
            source: np.tile(tables.arrival[shape][inside], (n_bins, 1))
            for source, shape in _SOURCES.items()
        },
        "statistic": "poisson",
    }


def _cells(tables: Csi2017Tables, counts: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """Counts in the chosen photoelectron bins, [bin, time] [count]."""
    columns = [np.histogram(tables.n_pe, bins=edges, weights=c)[0] for c in counts.T]
    return np.stack(columns, axis=1)


def _steady(anticoincidence: np.ndarray, model: str) -> np.ndarray:
    """Steady-state counts, [bin, time] [count]."""
    if model == "anticoincidence":
        return anticoincidence
    energy, times = anticoincidence.sum(axis=1), anticoincidence.sum(axis=0)
    shape = np.ones(len(times)) if model == "flat" else _exponential(times)
    return np.outer(energy, shape / shape.sum())


def _exponential(times: np.ndarray) -> np.ndarray:
    """Bin contents of the exponential of largest likelihood, [time] [1]."""
    from scipy.optimize import brentq

    k = np.arange(len(times))
    mean = float(np.average(k, weights=times))

    def excess(decay: float) -> float:
        # The likelihood is stationary where the mean bin agrees.
        weights = np.exp(-decay * k)
        return float(np.average(k, weights=weights)) - mean

    decay = float(np.asarray(brentq(excess, -5.0, 5.0, xtol=1e-14)))
    return np.exp(-decay * k)


def _pulls(
    given: Mapping[str, float] | None, events: float, prompt_neutrons: bool
) -> tuple[Pull, ...]:
    default = {
        "sig": (0.128, SIGNAL),
        "brn": (0.25, _BRN),
        "ss": (1 / float(np.sqrt(events)), _STEADY),
    }
    known = {
        n: Pull(f"alpha_{n}_{SHORT}", sd, (component,), f"relative shift of {component}")
        for n, (sd, component) in default.items()
    }
    chosen = chosen_pulls("csi-2017", known, given, unbounded=True)
    return tuple(p for p in chosen if prompt_neutrons or p.components != (_BRN,))

"""CsI 2017 in photoelectrons and time: Poisson cells of 2 PE x 0.5 us with a steady-state model.

Arrival-time densities are the release's (doi:10.5281/zenodo.1228631), not normalised in the
window: 8.5 % of the delayed neutrinos come after 6 us. The steady-state background is the
energy projection of the anticoincidence data times a model in time; that sample is finite, which
enters as the uncertainty 1/sqrt(events) of its normalisation, its projection is taken as it is.
"""

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.experiments.experiment import ExperimentData
from cevnsjax.experiments.release_files import bin_edges
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables

STEADY_STATES = ("exponential", "flat", "anticoincidence")
BRN, STEADY = "prompt_neutrons", "steady_state"
"""Component names of the backgrounds."""
_ARRIVAL_OF = {
    "nu_mu": "prompt_neutrinos",
    "nu_mu_bar": "delayed_neutrinos",
    "nu_e": "delayed_neutrinos",
}

Cells = Float[np.ndarray, "bin time"]


def in_time(
    tables: Csi2017Tables,
    edges: tuple[float, ...],
    inside: Bool[np.ndarray, " all_times"],
    neutrons: Float[np.ndarray, "bin"],
    *,
    steady_state: str,
) -> ExperimentData:
    """Data, backgrounds and arrival times in cells of photoelectrons and the times ``inside``.

    ``neutrons`` are the prompt ones in the photoelectron bins [count].
    """
    observed, anticoincidence = beam_on(tables, edges, inside)
    arrival = {name: probability[inside] for name, probability in tables.arrival.items()}
    return {
        "observed": observed.reshape(-1),
        "variance": np.maximum(observed, 1.0).reshape(-1),
        "backgrounds": {
            STEADY: _steady(anticoincidence, steady_state).reshape(-1),
            BRN: np.outer(neutrons, arrival["prompt_neutrons"]).reshape(-1),
        },
        "extra": {"t_us": bin_edges(tables.t_us[inside])},
        "spread": {
            source: np.tile(arrival[shape], (len(edges) - 1, 1))
            for source, shape in _ARRIVAL_OF.items()
        },
        "statistic": "poisson",
    }


def beam_on(
    tables: Csi2017Tables, edges: tuple[float, ...], inside: Bool[np.ndarray, " all_times"]
) -> tuple[Cells, Cells]:
    """Coincidence and anticoincidence counts in photoelectron bins and the times inside [count]."""

    def cells(which: str) -> Cells:
        counts = tables.counts[f"{which}_beam_on"][:, inside]
        columns = [np.histogram(tables.n_pe, bins=edges, weights=c)[0] for c in counts.T]
        return np.stack(columns, axis=1)

    return cells("coincidence"), cells("anticoincidence")


def _steady(anticoincidence: Cells, model: str) -> Cells:
    """Steady-state counts [count]."""
    if model == "anticoincidence":
        return anticoincidence
    energy, times = anticoincidence.sum(axis=1), anticoincidence.sum(axis=0)
    shape = np.ones(len(times)) if model == "flat" else _exponential(times)
    return np.outer(energy, shape / shape.sum())


def _exponential(times: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Bin contents of the exponential of largest likelihood [1]."""
    from scipy.optimize import brentq

    k = np.arange(len(times))
    mean = float(np.average(k, weights=times))

    def excess(decay: float) -> float:
        # The likelihood is stationary where the mean bin agrees.
        weights = np.exp(-decay * k)
        return float(np.average(k, weights=weights)) - mean

    decay = float(np.asarray(brentq(excess, -5.0, 5.0, xtol=1e-14)))
    return np.exp(-decay * k)

"""CENNS-10 in energy, F90 and time: 960 cells with the release's systematic variations.

Akimov et al., PRL 126, 012002; data release doi:10.5281/zenodo.3903810. The energy and time
shapes of the signal are computed for each source, its F90 shape in each energy bin is the
release's; or, with ``signal="release"``, theory gives the total and the release all shapes.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments.experiment import SIGNAL, ExperimentData
from cevnsjax.experiments.release_files import bin_edges
from cevnsjax.experiments.releases.lar_2020.tables import Lar2020Tables
from cevnsjax.experiments.systematics import Morph

MORPHS = ("f90", "time", "brn_energy", "brn_time", "brn_width")
SIGNALS = ("computed", "release")
SIGNAL_SD = 0.134
"""Standard deviation of the signal's normalisation [1]."""
_SHORT = "lar2020"
# Backgrounds by the short name of their pull, and what they are.
_BACKGROUNDS = {
    "brn": ("brn", "prompt beam neutrons"),
    "lbrn": ("delayed_brn", "delayed beam neutrons"),
    "ss": ("steady_state", "the steady-state background"),
}
# Energy bins with fewer predicted events than this have no F90 shape of their own.
_MIN_EVENTS = 0.01
_MEANING = {
    "f90": "F90 shape of the signal",
    "time": "clock of the neutrinos",
    "brn_energy": "energy shape of prompt beam neutrons",
    "brn_time": "mean time of prompt beam neutrons",
    "brn_width": "time width of prompt beam neutrons",
}
_BRN = {
    "brn_energy": ("brn_energy_plus", "brn_energy_minus"),
    "brn_time": ("brn_time_mean_plus", "brn_time_mean_minus"),
    "brn_width": ("brn_time_width", None),
}

Cube = Float[np.ndarray, "energy f90 time"]
Spread = dict[str, Float[np.ndarray, "bin cell"]]


def binned_in_cells(
    tables: Lar2020Tables, sources: Sequence[str], signal: str, morphs: Sequence[str]
) -> ExperimentData:
    """Data, backgrounds, shapes and shape nuisances of the Poisson likelihood."""
    axes = {"f90": bin_edges(tables.f90), "t_us": bin_edges(tables.t_us)}
    if signal == "release":
        axes = {"E_ee_keV_pdf": bin_edges(tables.energy_kevee), **axes}
    return {
        "observed": tables.observed.reshape(-1),
        "variance": np.maximum(tables.observed, 1.0).reshape(-1),
        "backgrounds": {
            name: _scaled(tables.pdfs[name], tables.predicted[name][0])
            for name, _ in _BACKGROUNDS.values()
        },
        "morphs": _morphs(tables, sources, signal, morphs),
        "extra": axes,
        "spread": spread_of(tables, sources, signal),
        "statistic": "poisson",
    }


def pulls_in_cells(tables: Lar2020Tables) -> dict[str, tuple[float, str, str]]:
    """Pulls with the widths of the release, for ``chosen_pulls``."""
    offered = {"sig": (SIGNAL_SD, SIGNAL, "the CEvNS signal")}
    for short, (name, what) in _BACKGROUNDS.items():
        events, error = tables.predicted[name]
        offered[short] = (error / events, name, what)
    return offered


def spread_of(
    tables: Lar2020Tables,
    sources: Sequence[str],
    signal: str,
    *,
    f90: str = "",
    later_us: float = 0,
) -> Spread:
    """How the signal falls on the cells, {source: [energy bin, cell]} [1].

    Arrival times are probabilities, not normalised in the window: a tenth of the signal comes
    later. A signal that is "computed" has F90 by energy times the arrival time of each source;
    "release" is its pdf in all three observables, for one bin of energy. ``f90`` is "plus" or
    "minus" for a shifted shape; ``later_us`` shifts the neutrinos' clock ("release" has one shift,
    the table's).
    """
    cevns = tables.variations[f"cevns_f90_{f90}"] if f90 else tables.pdfs["cevns"]
    if signal == "release":
        if later_us:
            moved = tables.variations["cevns_time_mean"]
            cevns = moved if later_us > 0 else 2 * tables.pdfs["cevns"] - moved
        return {source: (cevns / cevns.sum()).reshape(1, -1) for source in sources}
    pulse = Pulse(tables.pulse_mean_ns[0] * 1e-3 + later_us, tables.pulse_width_ns * 1e-3)
    shape, edges = _f90_by_energy(cevns), bin_edges(tables.t_us)
    return {
        source: (shape[:, :, None] * pulse.fractions(source, edges)).reshape(len(shape), -1)
        for source in sources
    }


def _f90_by_energy(cevns: Cube) -> Float[np.ndarray, "energy f90"]:
    """F90 fractions in each energy bin [1].

    Above the energies at which the release has signal, new physics takes the last shape it has.
    """
    counts = cevns.sum(axis=2)
    enough = np.flatnonzero(counts.sum(axis=1) > _MIN_EVENTS)
    rows = np.minimum(np.arange(len(counts)), enough[-1])
    return counts[rows] / counts[rows].sum(axis=1, keepdims=True)


def _scaled(pdf: Cube, events: float) -> Float[np.ndarray, " cell"]:
    return (events * pdf / pdf.sum()).reshape(-1)


def _morphs(
    tables: Lar2020Tables, sources: Sequence[str], signal: str, names: Sequence[str]
) -> tuple[Morph, ...]:
    later = tables.pulse_mean_ns[1] * 1e-3
    sides = {
        "f90": [{"f90": "plus"}, {"f90": "minus"}],
        "time": [{"later_us": later}, {"later_us": -later}],
    }
    morphs = []
    for name in names:
        full = f"alpha_{name}_{_SHORT}"
        if name in sides:
            plus, minus = (spread_of(tables, sources, signal, **side) for side in sides[name])
            morphs.append(Morph(full, _MEANING[name], spread=(plus, minus)))
        else:
            morphs.append(Morph(full, _MEANING[name], components={"brn": _brn(tables, name)}))
    return tuple(morphs)


def _brn(
    tables: Lar2020Tables, name: str
) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, " cell"]]:
    """Prompt neutrons at +1 and -1 sigma; a shift given one way only is mirrored [count]."""
    events = tables.predicted["brn"][0]
    nominal = _scaled(tables.pdfs["brn"], events)
    plus, minus = _BRN[name]
    up = _scaled(tables.variations[plus], events)
    return up, 2 * nominal - up if minus is None else _scaled(tables.variations[minus], events)

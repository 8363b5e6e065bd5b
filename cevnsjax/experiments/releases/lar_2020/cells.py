"""CENNS-10 in energy, F90 and time: 960 cells with the release's systematic variations.

Akimov et al., PRL 126, 012002; data release doi:10.5281/zenodo.3903810. The energy and time
shapes of the signal are computed for each source, its F90 shape in each energy bin is the
release's; or, with ``signal="release"``, theory gives the total and the release all shapes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments.experiment import SIGNAL, Morph, Pull
from cevnsjax.experiments.releases.lar_2020.tables import Lar2020Tables
from cevnsjax.experiments.releases.pulls import chosen_pulls

SHORT = "lar2020"
MORPHS = ("f90", "time", "brn_energy", "brn_time", "brn_width")
BACKGROUNDS = {"brn": "brn", "lbrn": "delayed_brn", "ss": "steady_state"}
"""Backgrounds by the short name of their pull."""
_SIGNAL_SD = 0.134
# Energy bins with fewer predicted events than this have no F90 shape of their own.
_LEAST_EVENTS = 0.01
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

Spread = dict[str, np.ndarray]


@dataclass(frozen=True)
class Axes:
    """Edges of the three observables.

    Attributes:
        energy_kevee: Electron-equivalent energy [keVee].
        f90: Prompt light fraction [1].
        t_us: Time [us].
    """

    energy_kevee: tuple[float, ...]
    f90: tuple[float, ...]
    t_us: tuple[float, ...]


def axes_of(tables: Lar2020Tables) -> Axes:
    """Edges about the release's bin centres.

    Args:
        tables: The release.
    """
    return Axes(*(_edges(c) for c in (tables.energy_kevee, tables.f90, tables.t_us)))


def _edges(centres: np.ndarray) -> tuple[float, ...]:
    width = float(centres[1] - centres[0])
    low = float(centres[0]) - width / 2
    return tuple(round(low + k * width, 6) for k in range(len(centres) + 1))


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
    later.

    Args:
        tables: The release.
        sources: Names of the neutrino sources.
        signal: "computed": F90 by energy times the arrival time of each source; "release": its pdf
            in all three observables, for one bin of energy.
        f90: "plus" or "minus" for a shifted F90 shape.
        later_us: Shift of the neutrinos' clock [us]; "release" has one shift, the table's.
    """
    cevns = tables.variations[f"cevns_f90_{f90}"] if f90 else tables.pdfs["cevns"]
    if signal == "release":
        if later_us:
            moved = tables.variations["cevns_time_mean"]
            cevns = moved if later_us > 0 else 2 * tables.pdfs["cevns"] - moved
        return {source: (cevns / cevns.sum()).reshape(1, -1) for source in sources}
    pulse = Pulse(tables.pulse_mean_ns[0] * 1e-3 + later_us, tables.pulse_width_ns * 1e-3)
    shape, edges = _f90_by_energy(cevns), axes_of(tables).t_us
    return {
        source: (shape[:, :, None] * pulse.fractions(source, edges)).reshape(len(shape), -1)
        for source in sources
    }


def _f90_by_energy(cevns: np.ndarray) -> np.ndarray:
    """F90 fractions in each energy bin, [energy, F90] [1].

    Above the energies at which the release has signal, new physics takes the last shape it has.
    """
    counts = cevns.sum(axis=2)
    enough = np.flatnonzero(counts.sum(axis=1) > _LEAST_EVENTS)
    rows = np.minimum(np.arange(len(counts)), enough[-1])
    return counts[rows] / counts[rows].sum(axis=1, keepdims=True)


def backgrounds_of(tables: Lar2020Tables) -> dict[str, np.ndarray]:
    """Backgrounds before the fit: release pdfs scaled to the predicted events, [cell] [count].

    Args:
        tables: The release.
    """
    return {
        name: _scaled(tables.pdfs[name], tables.predicted[name][0]) for name in BACKGROUNDS.values()
    }


def _scaled(pdf: np.ndarray, events: float) -> np.ndarray:
    return (events * pdf / pdf.sum()).reshape(-1)


def pulls_of(tables: Lar2020Tables, given: Mapping[str, float] | None) -> tuple[Pull, ...]:
    """Normalisations: the signal's and, from the release, the backgrounds'.

    Args:
        tables: The release.
        given: Standard deviations by short name; 0 removes one, infinity leaves it free [1].

    Raises:
        UnknownNameError: At an unknown pull.
        InputError: At a negative width.
    """
    sd = {"sig": _SIGNAL_SD}
    for short, name in BACKGROUNDS.items():
        events, error = tables.predicted[name]
        sd[short] = error / events
    component = {"sig": SIGNAL, **BACKGROUNDS}
    known = {
        n: Pull(f"alpha_{n}_{SHORT}", w, (component[n],), f"relative shift of {component[n]}")
        for n, w in sd.items()
    }
    return chosen_pulls("lar-2020", known, given, unbounded=True)


def morphs_of(
    tables: Lar2020Tables, sources: Sequence[str], signal: str, names: Sequence[str]
) -> tuple[Morph, ...]:
    """Shape nuisances of the release.

    Args:
        tables: The release.
        sources: Names of the neutrino sources.
        signal: As for ``spread_of``.
        names: Some of ``MORPHS``.

    Raises:
        UnknownNameError: At an unknown morph.
    """
    later = tables.pulse_mean_ns[1] * 1e-3
    sides = {
        "f90": [{"f90": "plus"}, {"f90": "minus"}],
        "time": [{"later_us": later}, {"later_us": -later}],
    }
    out = []
    for name in names:
        full = f"alpha_{name}_{SHORT}"
        if name in sides:
            plus, minus = (spread_of(tables, sources, signal, **side) for side in sides[name])
            out.append(Morph(full, _MEANING[name], spread=(plus, minus)))
        elif name in _BRN:
            out.append(Morph(full, _MEANING[name], components={"brn": _brn(tables, name)}))
        else:
            raise UnknownNameError("lar-2020 morph", name, MORPHS)
    return tuple(out)


def _brn(tables: Lar2020Tables, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Prompt neutrons at +1 and -1 sigma; a shift given one way only is mirrored [count]."""
    events = tables.predicted["brn"][0]
    nominal = _scaled(tables.pdfs["brn"], events)
    plus, minus = _BRN[name]
    up = _scaled(tables.variations[plus], events)
    return up, 2 * nominal - up if minus is None else _scaled(tables.variations[minus], events)

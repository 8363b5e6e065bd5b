"""COHERENT CsI[Na] 2021: the full data set, 14.6 kg at 19.3 m, in photoelectrons and time.

Akimov et al., PRL 129, 081801; ancillary files of arXiv:2110.07730. Binned Poisson likelihood;
the finite anticoincidence sample enters as the 2.1 % uncertainty of the steady-state
normalisation, its energy shape is taken as it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.detector.efficiency import Logistic
from cevnsjax.detector.quenching import PolynomialQuenching, Quenching, csi_quenching
from cevnsjax.detector.resolution import GammaSmearing
from cevnsjax.detector.response import Detector
from cevnsjax.detector.timing import Pulse, TimeEfficiency
from cevnsjax.experiments.experiment import SIGNAL, Experiment, Morph, Pull
from cevnsjax.experiments.releases.csi_2021.release import read_csi_2021_release
from cevnsjax.experiments.releases.csi_2021.tables import Csi2021Tables, shipped_csi_2021
from cevnsjax.experiments.releases.pulls import chosen_pulls, with_flux_apart
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import target
from cevnsjax.tables import read_toml

NAME, SHORT = "csi-2021", "csi2021"
_PULLS = {"sig": 0.12, "brn": 0.25, "nin": 0.35, "ss": 0.021}
_COMPONENT = {"sig": SIGNAL, "brn": "brn", "nin": "nin", "ss": "steady_state"}
_MORPHS = ("qf_1", "qf_2", "eff", "time")
_TIME_OFFSET_US = 0.025


def csi_2021(
    quenching: str | float | Quenching = "coherent2020",
    *,
    pulls: Mapping[str, float] | None = None,
    morphs: Sequence[str] = _MORPHS,
    pulse: Pulse | None = None,
    cells_pe: float | None = None,
    mass_kg: float | None = None,
    split_flux: bool = False,
    nodes: int | None = None,
    data: Csi2021Tables | str | Path | None = None,
) -> Experiment:
    """The COHERENT CsI[Na] 2021 data as a 9 x 11 Poisson experiment.

    Args:
        quenching: A CsI model by name, a constant factor, or a model [1].
        pulls: Standard deviations of "sig" (0.12), "brn" (0.25), "nin" (0.35), "ss" (0.021); 0
            removes one, infinity leaves it unconstrained [1].
        morphs: Shape nuisances: "qf_1" and "qf_2" (published quenching variations), "eff"
            (efficiency), "time" (0.025 us offset of the neutrinos' clock).
        pulse: Proton pulse; mean 0.472 us and width 0.150 us if None [us].
        cells_pe: Take the efficiency at the centres of cells this wide, instead of inside the
            integral [PE].
        mass_kg: Detector mass; 14.6 if None [kg].
        split_flux: Split the signal pull into ``alpha_flux_sns`` (0.10), shared with other
            experiments at the same source, and the rest.
        nodes: Quadrature nodes a panel.
        data: Tables, or the folder of the official release, instead of the shipped data.

    Raises:
        UnknownNameError: At an unknown name, listing the nearest.
        InputError: At values of the wrong kind.
        DataError: If a data file is missing or malformed.
    """
    checks.flag("csi-2021: split_flux", split_flux)
    tables, about = _tables(data), read_toml("coherent_csi_2021", "experiment.toml")
    edges = tuple(about["window"]["n_pe_edges"])
    t_edges = tuple(about["window"]["t_us_edges"])
    if pulse is not None and not isinstance(pulse, Pulse):
        raise InputError(f"csi-2021: pulse must be a Pulse, got {pulse!r}")
    timing = TimeEfficiency(
        about["efficiency"]["time_flat_below_us"], about["efficiency"]["time_slope_per_us"]
    )
    beam = about["beam"]
    proton_pulse = pulse or Pulse(beam["pulse_mean_us"], beam["pulse_width_us"])
    detector = Detector(
        quenching=csi_quenching(quenching),
        per_keV=1 / about["detector"]["kevee_per_pe"],
        efficiency=_efficiency(tables, "nominal"),
        resolution=GammaSmearing(
            about["detector"]["gamma_shape_offset"],
            about["detector"]["gamma_shape_per_kevee"],
            cells=cells_pe,
        ),
        edges=edges,
        nodes=nodes,
    )
    flux = DecayAtRest(
        beam["neutrinos_per_proton_per_flavour"], beam["protons_on_target"], beam["baseline_m"]
    )
    observed = _binned(tables, "coincidence", edges, t_edges)
    given = about["detector"]["mass_kg"] if mass_kg is None else mass_kg
    return Experiment(
        name=NAME,
        target=target("CsI"),
        mass_kg=checks.number("csi-2021: mass_kg", given),
        flux=flux,
        detector=detector,
        observable="n_pe",
        observed=observed.reshape(-1),
        variance=np.maximum(observed, 1.0).reshape(-1),
        backgrounds=_backgrounds(tables, about, edges, t_edges, timing),
        pulls=with_flux_apart(_pulls(pulls)) if split_flux else _pulls(pulls),
        morphs=_morphs(morphs, tables, detector, proton_pulse, t_edges, timing),
        extra={"t_us": t_edges},
        spread=_spread(proton_pulse, edges, t_edges, timing),
        statistic="poisson",
        title="COHERENT CsI[Na] 2021",
        source="Akimov et al., PRL 129, 081801; arXiv:2110.07730",
    )


def _tables(data: Csi2021Tables | str | Path | None) -> Csi2021Tables:
    if data is None:
        return shipped_csi_2021()
    if isinstance(data, Csi2021Tables):
        return data
    if not isinstance(data, str | Path):
        raise InputError(f"csi-2021: data must be tables or the release folder, got {data!r}")
    return read_csi_2021_release(data)


def _efficiency(tables: Csi2021Tables, variation: str) -> Logistic:
    a, b, c, d = tables.efficiency[variation]
    return Logistic(a, b, c, d)


def _binned(
    tables: Csi2021Tables, which: str, edges: Sequence[float], t_edges: Sequence[float]
) -> np.ndarray:
    events = tables.events[which]
    return np.histogram2d(events["n_pe"], events["t_us"], bins=(edges, t_edges))[0]


def _spread(
    pulse: Pulse, edges: Sequence[float], t_edges: Sequence[float], timing: TimeEfficiency
) -> dict[str, np.ndarray]:
    """Arrival-time fractions of each source, the same in every photoelectron bin [1]."""
    bins = len(edges) - 1
    return {
        source: np.tile(pulse.fractions(source, t_edges, timing), (bins, 1))
        for source in ("nu_mu", "nu_mu_bar", "nu_e")
    }


def _backgrounds(
    tables: Csi2021Tables,
    about: dict[str, Any],
    edges: Sequence[float],
    t_edges: Sequence[float],
    timing: TimeEfficiency,
) -> dict[str, np.ndarray]:
    """BRN, NIN and steady state in the window, products of an energy and a time shape [count]."""
    numbers, out = about["backgrounds"], {}
    for name in ("brn", "nin"):
        energy = np.histogram(tables.n_pe, bins=edges, weights=tables.neutrons_n_pe[name])[0]
        time = _rebinned(tables.t_us, tables.neutrons_t_us[name] * timing(tables.t_us), t_edges)
        out[name] = _product(energy, time, numbers[name]["events"])
    steady = numbers["steady_state"]
    late = tables.events["anticoincidence"]["t_us"] < steady["shape_t_max_us"]
    energies = tables.events["anticoincidence"]["n_pe"][late]
    slope = steady["slope_per_us"]
    time = np.array([math.exp(-slope * a) - math.exp(-slope * b) for a, b in pairwise(t_edges)])
    energy = np.histogram(energies, bins=edges)[0]
    out["steady_state"] = _product(energy, time, steady["events"])
    return out


def _product(energy: np.ndarray, time: np.ndarray, events: float) -> np.ndarray:
    shape = np.outer(energy, time)
    return (events * shape / shape.sum()).reshape(-1)


def _rebinned(centres: np.ndarray, content: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Content of fine bins in coarse ones; a fine bin across an edge is split linearly."""
    width = centres[1] - centres[0]
    walls = np.append(centres - width / 2, centres[-1] + width / 2)
    cumulative = np.concatenate([[0.0], np.cumsum(content)])
    return np.diff(np.interp(edges, walls, cumulative))


def _pulls(pulls: Mapping[str, float] | None) -> tuple[Pull, ...]:
    known = {
        n: Pull(f"alpha_{n}_{SHORT}", sd, (_COMPONENT[n],), f"relative shift of {_COMPONENT[n]}")
        for n, sd in _PULLS.items()
    }
    return chosen_pulls(NAME, known, pulls, unbounded=True)


def _morphs(
    names: Sequence[str],
    tables: Csi2021Tables,
    detector: Detector,
    pulse: Pulse,
    t_edges: Sequence[float],
    timing: TimeEfficiency,
) -> tuple[Morph, ...]:
    offered = {"eff": "efficiency", "time": f"clock of the neutrinos, {_TIME_OFFSET_US} us"}
    variations = detector.quenching.variations
    for k in range(1, len(variations) + 1):
        offered[f"qf_{k}"] = f"quenching variation {k}"
    listed = checks.names("csi-2021: morphs", names, example=_MORPHS)
    if listed == list(_MORPHS):
        listed = [n for n in listed if n in offered]
    out = []
    for name in listed:
        if name not in offered:
            raise UnknownNameError("csi-2021 morph", name, offered)
        full = f"alpha_{name}_{SHORT}"
        if name == "time":
            out.append(Morph(full, offered[name], spread=_moved(pulse, detector, t_edges, timing)))
        else:
            out.append(Morph(full, offered[name], detectors=_shifted(name, tables, detector)))
    return tuple(out)


def _moved(
    pulse: Pulse, detector: Detector, t_edges: Sequence[float], timing: TimeEfficiency
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Time fractions with the clock moved both ways [1]."""
    later, earlier = (
        _spread(replace(pulse, mean_us=pulse.mean_us + d), detector.edges, t_edges, timing)
        for d in (_TIME_OFFSET_US, -_TIME_OFFSET_US)
    )
    return later, earlier


def _shifted(name: str, tables: Csi2021Tables, detector: Detector) -> tuple[Detector, Detector]:
    if name == "eff":
        plus, minus = (_efficiency(tables, v) for v in ("plus", "minus"))
        return replace(detector, efficiency=plus), replace(detector, efficiency=minus)
    nominal = detector.quenching
    assert isinstance(nominal, PolynomialQuenching)
    shift = nominal.variations[int(name[3:]) - 1]
    both = [
        PolynomialQuenching(
            tuple(c + sign * s for c, s in zip(nominal.coefficients, shift, strict=True))
        )
        for sign in (1, -1)
    ]
    return replace(detector, quenching=both[0]), replace(detector, quenching=both[1])

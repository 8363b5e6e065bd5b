"""COHERENT CsI[Na] 2021: the full data set, 14.6 kg at 19.3 m, in photoelectrons and time.

Akimov et al., PRL 129, 081801; ancillary files of arXiv:2110.07730. Binned Poisson likelihood;
the finite anticoincidence sample enters as the 2.1 % uncertainty of the steady-state
normalisation, its energy shape is taken as it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError
from cevnsjax.core.names import short_name
from cevnsjax.detector.detector import RELEASE_ACCURACY, Detector
from cevnsjax.detector.efficiency import Logistic
from cevnsjax.detector.quenching import PolynomialQuenching, Quenching, csi_quenching
from cevnsjax.detector.resolution import GammaSmearing
from cevnsjax.detector.timing import Pulse, TimeEfficiency
from cevnsjax.experiments.experiment import SIGNAL, Experiment
from cevnsjax.experiments.nuisances import chosen_morphs, chosen_pulls
from cevnsjax.experiments.pull_options import PullOptions
from cevnsjax.experiments.release_files import chosen_tables
from cevnsjax.experiments.releases.csi_2021.release import read_csi_2021_release
from cevnsjax.experiments.releases.csi_2021.tables import DATASET, Csi2021Tables, shipped_csi_2021
from cevnsjax.experiments.systematics import Morph
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import target
from cevnsjax.tables import read_toml

NAME = "csi-2021"
_PULLS = {
    "sig": (0.12, SIGNAL, "the CEvNS signal"),
    "brn": (0.25, "brn", "the beam-related neutrons"),
    "nin": (0.35, "nin", "the neutrino-induced neutrons"),
    "ss": (0.021, "steady_state", "the steady-state background"),
}
_TIME_OFFSET_US = 0.025


def csi_2021(
    quenching: str | float | Quenching = "coherent2020",
    *,
    pulls: PullOptions | None = None,
    morphs: str | Sequence[str] = "all",
    pulse: Pulse | None = None,
    cells_pe: float | None = None,
    mass_kg: float | None = None,
    split_flux: bool = False,
    electrons: bool = False,
    nodes: int | None = None,
    accuracy: float = RELEASE_ACCURACY,
    data: Csi2021Tables | str | Path | None = None,
) -> Experiment:
    """The COHERENT CsI[Na] 2021 data as a 9 x 11 Poisson experiment.

    Args:
        quenching: A CsI model by name, a constant factor, or a model [1].
        pulls: Standard deviations of "sig" (0.12), "brn" (0.25), "nin" (0.35), "ss" (0.021); 0
            removes a pull, infinity leaves it unconstrained; ``cj.Pull`` has a kind [1].
        morphs: Shape nuisances: "qf_1" and "qf_2" (published quenching variations), "eff"
            (efficiency), "time" (0.025 us offset of the neutrinos' clock), or "all".
        pulse: Proton pulse; mean 0.472 us and width 0.150 us if None [us].
        cells_pe: Width of cells at whose centres the efficiency is taken; inside the integral if
            None [PE].
        mass_kg: Detector mass; 14.6 if None [kg].
        split_flux: Split the signal pull into ``alpha_flux_sns`` (0.10), shared with other
            experiments at the same source, and the rest.
        electrons: Count electrons that neutrinos strike, seen with E_ee = T and the light yield,
            smearing and efficiency of nuclear recoils, as part of the signal.
        nodes: Quadrature nodes in each panel to start from; chosen by the detector if None.
        accuracy: Largest error of a cell in parts of the largest cell: panels are refined until
            they reach it; above 0 and below 1 [1].
        data: Tables, or the folder of the official release, instead of the shipped data.

    Raises:
        UnknownNameError: At an unknown name, listing the nearest.
        InputError: At values of the wrong kind.
        DataError: If a data file is missing or malformed.

    Examples:
        >>> experiment = cj.experiments.csi_2021(morphs=("time",))
        >>> experiment.grid, float(experiment.observed.sum()), len(experiment.parameters)
        ((9, 11), 1578.0, 5)
    """
    if pulse is not None and not isinstance(pulse, Pulse):
        raise InputError(f"csi-2021: pulse must be a Pulse, got {pulse!r}")
    if cells_pe is not None and not 1e-3 <= checks.number("csi-2021: cells_pe", cells_pe) <= 10:
        raise InputError(f"csi-2021: cells_pe must lie between 0.001 and 10, got {cells_pe}")
    tables = chosen_tables(NAME, data, Csi2021Tables, shipped_csi_2021, read_csi_2021_release)
    about = read_toml(DATASET, "experiment.toml")
    beam, instrument, clock = about["beam"], about["detector"], _clock(about, pulse)
    gamma = instrument["gamma_shape_offset"], instrument["gamma_shape_per_kevee"]
    detector = Detector(
        quenching=csi_quenching(quenching),
        per_keV=1 / instrument["kevee_per_pe"],
        efficiency=_efficiency(tables, "nominal"),
        resolution=GammaSmearing(*gamma, cells=cells_pe),
        edges=tuple(about["window"]["n_pe_edges"]),
        nodes=None if nodes is None else checks.nodes("csi-2021: nodes", nodes),
        accuracy=checks.number("csi-2021: accuracy", accuracy),
    )
    events = tables.events["coincidence"]
    cells = (detector.edges, clock.edges_us)
    observed = np.histogram2d(events["n_pe"], events["t_us"], bins=cells)[0].reshape(-1)
    mass = instrument["mass_kg"] if mass_kg is None else mass_kg
    return Experiment(
        name=NAME,
        target=target("CsI"),
        mass_kg=checks.number("csi-2021: mass_kg", mass),
        flux=DecayAtRest(
            beam["neutrinos_per_proton_per_flavour"], beam["protons_on_target"], beam["baseline_m"]
        ),
        detector=detector,
        observable="n_pe",
        observed=observed,
        variance=np.maximum(observed, 1.0),
        backgrounds=_backgrounds(tables, about["backgrounds"], detector.edges, clock),
        pulls=chosen_pulls(NAME, _PULLS, pulls, unbounded=True, split_flux=split_flux),
        morphs=_morphs(morphs, tables, detector, clock),
        extra={"t_us": clock.edges_us},
        spread=clock.spread(len(detector.edges) - 1),
        statistic="poisson",
        electrons=detector.of_electrons if checks.flag("csi-2021: electrons", electrons) else None,
        title="COHERENT CsI[Na] 2021",
        source="Akimov et al., PRL 129, 081801; arXiv:2110.07730",
    )


@dataclass(frozen=True)
class _Clock:
    """When events are seen: proton pulse, efficiency in time, edges of the time bins [us]."""

    pulse: Pulse
    efficiency: TimeEfficiency
    edges_us: tuple[float, ...]

    def spread(self, bins: int, later_us: float = 0.0) -> dict[str, Float[np.ndarray, "bin time"]]:
        """Arrival-time fractions of each source, the same in every photoelectron bin [1]."""
        pulse = replace(self.pulse, mean_us=self.pulse.mean_us + later_us)
        return {
            source: np.tile(pulse.fractions(source, self.edges_us, self.efficiency), (bins, 1))
            for source in ("nu_mu", "nu_mu_bar", "nu_e")
        }


def _clock(about: Mapping[str, Any], pulse: Pulse | None) -> _Clock:
    beam, efficiency = about["beam"], about["efficiency"]
    return _Clock(
        pulse or Pulse(beam["pulse_mean_us"], beam["pulse_width_us"]),
        TimeEfficiency(efficiency["time_flat_below_us"], efficiency["time_slope_per_us"]),
        tuple(about["window"]["t_us_edges"]),
    )


def _efficiency(tables: Csi2021Tables, variation: str) -> Logistic:
    a, b, c, d = tables.efficiency[variation]
    return Logistic(a, b, c, d)


def _backgrounds(
    tables: Csi2021Tables, numbers: Mapping[str, Any], edges: tuple[float, ...], clock: _Clock
) -> dict[str, Float[np.ndarray, " cell"]]:
    """BRN, NIN and steady state in the window, products of an energy and a time shape [count]."""
    backgrounds = {}
    for name in ("brn", "nin"):
        energy = np.histogram(tables.n_pe, bins=edges, weights=tables.neutrons_n_pe[name])[0]
        accepted = tables.neutrons_t_us[name] * clock.efficiency(tables.t_us)
        time = _rebinned(tables.t_us, accepted, clock.edges_us)
        backgrounds[name] = _product(energy, time, numbers[name]["events"])
    steady, events = numbers["steady_state"], tables.events["anticoincidence"]
    early = events["t_us"] < steady["shape_t_max_us"]
    energy = np.histogram(events["n_pe"][early], bins=edges)[0]
    falling = np.array([math.exp(-steady["slope_per_us"] * t) for t in clock.edges_us])
    backgrounds["steady_state"] = _product(energy, falling[:-1] - falling[1:], steady["events"])
    return backgrounds


def _product(energy: np.ndarray, time: np.ndarray, events: float) -> np.ndarray:
    shape = np.outer(energy, time)
    return (events * shape / shape.sum()).reshape(-1)


def _rebinned(centres: np.ndarray, content: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Content of fine bins in coarse ones; a fine bin across an edge is split linearly."""
    width = centres[1] - centres[0]
    walls = np.append(centres - width / 2, centres[-1] + width / 2)
    cumulative = np.concatenate([[0.0], np.cumsum(content)])
    return np.diff(np.interp(edges, walls, cumulative))


def _morphs(
    names: str | Sequence[str], tables: Csi2021Tables, detector: Detector, clock: _Clock
) -> tuple[Morph, ...]:
    variations = range(1, len(detector.quenching.variations) + 1)
    offered = {f"qf_{k}": f"quenching variation {k}" for k in variations}
    offered |= {"eff": "efficiency", "time": f"clock of the neutrinos, {_TIME_OFFSET_US} us"}
    morphs = []
    for name in chosen_morphs(NAME, names, offered):
        morph = Morph(f"alpha_{name}_{short_name(NAME)}", offered[name])
        if name == "time":
            bins = len(detector.edges) - 1
            later, earlier = (clock.spread(bins, s * _TIME_OFFSET_US) for s in (1, -1))
            morphs.append(replace(morph, spread=(later, earlier)))
        else:
            morphs.append(replace(morph, detectors=_shifted(name, tables, detector)))
    return tuple(morphs)


def _shifted(name: str, tables: Csi2021Tables, detector: Detector) -> tuple[Detector, Detector]:
    """The detector with efficiency or quenching at +1 and -1 sigma."""
    if name == "eff":
        plus, minus = (_efficiency(tables, side) for side in ("plus", "minus"))
        return replace(detector, efficiency=plus), replace(detector, efficiency=minus)
    nominal = detector.quenching
    assert isinstance(nominal, PolynomialQuenching)
    shift = nominal.variations[int(name[3:]) - 1]
    plus, minus = (
        PolynomialQuenching(
            tuple(c + sign * s for c, s in zip(nominal.coefficients, shift, strict=True))
        )
        for sign in (1, -1)
    )
    return replace(detector, quenching=plus), replace(detector, quenching=minus)

"""COHERENT CENNS-10 liquid argon 2020, Analysis A: 24.4 kg at 27.5 m.

Akimov et al., PRL 126, 012002; data release doi:10.5281/zenodo.3903810. The one-dimensional
chi2 is that of Cadeddu et al., PRD 102, 015030; the Poisson likelihood in energy, F90 and time is
in ``cells``.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError
from cevnsjax.core.text import of_value
from cevnsjax.detector.detector import RELEASE_ACCURACY, Detector
from cevnsjax.detector.efficiency import TabulatedEfficiency
from cevnsjax.detector.quenching import PolynomialQuenching, Quenching
from cevnsjax.detector.resolution import GaussianSmearing
from cevnsjax.experiments.experiment import SIGNAL, Experiment, ExperimentData
from cevnsjax.experiments.nuisances import chosen_morphs, chosen_pulls
from cevnsjax.experiments.pull_options import PullOptions
from cevnsjax.experiments.release_files import chosen_tables
from cevnsjax.experiments.releases.lar_2020.cells import (
    MORPHS,
    SIGNAL_SD,
    SIGNALS,
    binned_in_cells,
    pulls_in_cells,
)
from cevnsjax.experiments.releases.lar_2020.release import read_lar_2020_release
from cevnsjax.experiments.releases.lar_2020.tables import DATASET, Lar2020Tables, shipped_lar_2020
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import target
from cevnsjax.tables import read_toml

NAME = "lar-2020"
_EDGES = tuple(float(e) for e in range(0, 121, 10))
_STATISTICS = ("spectrum", "cells")
# The neutrons of PRD 102, 015030: events, spread of their shape, and widths.
_SPECTRUM_EVENTS = {"brn": 497.0, "delayed_brn": 33.0}
_BRN_SHAPE_SPREAD = 0.058
_PULLS = {
    "sig": (SIGNAL_SD, SIGNAL, "the CEvNS signal"),
    "brn": (0.32, "brn", "prompt beam neutrons"),
    "lbrn": (1.0, "delayed_brn", "delayed beam neutrons"),
}


def lar_2020(
    *,
    statistic: Literal["spectrum", "cells"] = "spectrum",
    quenching: Quenching | None = None,
    mass_kg: float | None = None,
    protons_on_target: float | None = None,
    smearing: bool | None = None,
    threshold_kevee: float | None = None,
    pulls: PullOptions | None = None,
    signal: Literal["computed", "release"] = "computed",
    morphs: str | Sequence[str] | None = None,
    split_flux: bool = False,
    electrons: bool = False,
    nodes: int | None = None,
    accuracy: float = RELEASE_ACCURACY,
    data: Lar2020Tables | str | Path | None = None,
) -> Experiment:
    """CENNS-10 as a Gaussian chi2 in energy, or as a Poisson likelihood in energy, F90 and time.

    Args:
        statistic: "spectrum", the 12 background-subtracted energies of PRD 102, 015030, or "cells",
            12 x 8 x 10 cells with all backgrounds, as in the release.
        quenching: A model; the factor 0.246 + 7.8e-4 T/keV of the release if None.
        mass_kg: Fiducial mass; if None 24 (PRD 102, 015030) for the spectrum and 24.4 (release)
            for cells [kg].
        protons_on_target: If None 13.7e22 for the spectrum and 13.8e22 for cells [1].
        smearing: Gaussian resolution 0.58 sqrt(E_ee/keV) with the efficiency on reconstructed
            energies; if None for cells but not for the spectrum, as in the papers.
        threshold_kevee: Cut on the efficiency, 1.75 in the paper's electromagnetic tables [keVee].
        pulls: Standard deviations. Spectrum: "sig" (0.134), "brn" (0.32) and "lbrn" (1.0); cells:
            "sig" (0.134), and "brn", "lbrn", "ss" of the release, infinity leaves a pull free; 0
            removes a pull; ``cj.Pull`` has a kind [1].
        signal: Cells only: "computed" from the theory in energy and time, or "release", where
            theory gives the total and the release's pdf the shape.
        morphs: Cells only: shape nuisances of the release, "f90" and "time" of the signal,
            "brn_energy", "brn_time" and "brn_width" of the prompt neutrons; "all", or None, is all.
        split_flux: Split the signal pull into ``alpha_flux_sns`` (0.10), shared with other
            experiments at the same source, and the rest.
        electrons: Spectrum only: count electrons that neutrinos strike, all above the threshold.
            Their F90 acceptance is not known, so that this is an upper bound.
        nodes: Quadrature nodes in each panel to start from; chosen by the detector if None.
        accuracy: Largest error of a cell in parts of the largest cell: panels are refined until
            they reach it; above 0 and below 1 [1].
        data: Tables, or the folder of the official release, instead of the shipped data.

    Raises:
        UnknownNameError: At an unknown option, pull or morph.
        InputError: At values of the wrong kind.
        DataError: If a data file is missing or malformed.

    Examples:
        >>> cj.experiments.lar_2020().grid, cj.experiments.lar_2020(statistic="cells").grid
        ((12,), (12, 8, 10))
    """
    checks.known(NAME, statistic=(statistic, _STATISTICS), signal=(signal, SIGNALS))
    in_cells = statistic == "cells"
    listed = chosen_morphs(NAME, "all" if morphs is None else morphs, MORPHS)
    if not in_cells and (signal != "computed" or morphs is not None):
        raise InputError('lar-2020: signal and morphs need statistic="cells"')
    if checks.flag("lar-2020: electrons", electrons) and in_cells:
        raise InputError(
            'lar-2020: no F90 acceptance of electrons is known; electrons need statistic="spectrum"'
        )
    if quenching is not None and not isinstance(quenching, Quenching):
        raise InputError(f"lar-2020: quenching must be a model, got {of_value(quenching)}")
    if smearing is not None:
        checks.flag("lar-2020: smearing", smearing)
    tables = chosen_tables(NAME, data, Lar2020Tables, shipped_lar_2020, read_lar_2020_release)
    numbers = {"mass_kg": tables.mass_kg[0], "protons_on_target": tables.protons_on_target}
    if not in_cells:
        numbers = read_toml(DATASET, "experiment.toml")["alternatives"]["cadeddu2020"]
    mass, protons = (
        checks.number(f"lar-2020: {name}", numbers[name] if value is None else value)
        for name, value in (("mass_kg", mass_kg), ("protons_on_target", protons_on_target))
    )
    flux = DecayAtRest(tables.neutrinos_per_proton[0], protons, tables.baseline_m)
    cells = binned_in_cells(tables, flux.sources, signal, listed) if in_cells else _spectrum(tables)
    a, b = tables.quenching["a"][0], tables.quenching["b"][0]
    smeared = in_cells if smearing is None else smearing
    offered = pulls_in_cells(tables) if in_cells else _PULLS
    efficiency = _efficiency(tables, threshold_kevee)
    detector = Detector(
        quenching=quenching or PolynomialQuenching((a, b * 1e3)),
        per_keV=1.0,
        efficiency=efficiency,
        resolution=GaussianSmearing(tables.resolution_sqrt_kevee) if smeared else None,
        edges=(_EDGES[0], _EDGES[-1]) if in_cells and signal == "release" else _EDGES,
        nodes=None if nodes is None else checks.nodes("lar-2020: nodes", nodes),
        accuracy=checks.number("lar-2020: accuracy", accuracy),
    )
    everything = TabulatedEfficiency((_EDGES[0], _EDGES[-1]), (1.0, 1.0), efficiency.threshold)
    return Experiment(
        name=NAME,
        target=target("40Ar"),
        mass_kg=mass,
        flux=flux,
        detector=detector,
        electrons=replace(detector.of_electrons, efficiency=everything) if electrons else None,
        observable="E_ee_keV",
        pulls=chosen_pulls(NAME, offered, pulls, unbounded=in_cells, split_flux=split_flux),
        title="COHERENT CENNS-10 LAr 2020"
        + (", all electrons accepted: an upper bound" if electrons else ""),
        source="Akimov et al., PRL 126, 012002; doi:10.5281/zenodo.3903810",
        **cells,
    )


def _spectrum(tables: Lar2020Tables) -> ExperimentData:
    """Data and backgrounds of the Gaussian chi2 of PRD 102, 015030."""
    projected = {name: tables.pdfs[name].sum(axis=(1, 2)) for name in _SPECTRUM_EVENTS}
    backgrounds = {
        name: events * projected[name] / projected[name].sum()
        for name, events in _SPECTRUM_EVENTS.items()
    }
    energy = tables.projections["energy"]
    shape_variance = (_BRN_SHAPE_SPREAD**2 / 12) * sum(backgrounds.values()) ** 2
    return {
        "observed": energy["data"],
        "variance": energy["data_error"] ** 2 + shape_variance,
        "backgrounds": backgrounds,
    }


def _efficiency(tables: Lar2020Tables, threshold_kevee: float | None) -> TabulatedEfficiency:
    threshold = -math.inf
    if threshold_kevee is not None:
        threshold = checks.number("lar-2020: threshold_kevee", threshold_kevee)
    x, y = tables.efficiency["energy_kevee"], tables.efficiency["efficiency"]
    return TabulatedEfficiency(tuple(x.tolist()), tuple(y.tolist()), threshold)

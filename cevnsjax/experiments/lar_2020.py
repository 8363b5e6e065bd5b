"""COHERENT CENNS-10 liquid argon 2020, Analysis A: 24.4 kg at 27.5 m.

Akimov et al., PRL 126, 012002; data release doi:10.5281/zenodo.3903810. The one-dimensional
chi2 is that of Cadeddu et al., PRD 102, 015030.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cevnsjax import checks
from cevnsjax.detector.efficiency import TabulatedEfficiency
from cevnsjax.detector.quenching import PolynomialQuenching, Quenching
from cevnsjax.detector.resolution import GaussianSmearing
from cevnsjax.detector.response import Detector
from cevnsjax.errors import InputError, UnknownNameError
from cevnsjax.experiments.experiment import SIGNAL, Experiment, Pull
from cevnsjax.experiments.lar_2020_tables import Lar2020Tables, shipped_lar_2020
from cevnsjax.experiments.release_lar_2020 import read_lar_2020_release
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import target
from cevnsjax.tables import read_toml

NAME, SHORT = "lar-2020", "lar2020"
_EDGES = tuple(float(e) for e in range(0, 121, 10))
_BRN_SHAPE_SPREAD = 0.058


def lar_2020(
    *,
    quenching: Quenching | None = None,
    mass_kg: float | None = None,
    protons_on_target: float | None = None,
    smearing: bool = False,
    threshold_kevee: float | None = None,
    pulls: Mapping[str, float] | None = None,
    nodes: int | None = None,
    data: Lar2020Tables | str | Path | None = None,
) -> Experiment:
    """The energy spectrum of CENNS-10 with a Gaussian chi2 and three pulls.

    Args:
        quenching: A model; f = 0.246 + 7.8e-4 T/keV if None [MeV of E_ee].
        mass_kg: Fiducial mass; 24 (PRD 102, 015030) if None, the release has 24.4 [kg].
        protons_on_target: 13.7e22 (PRD 102, 015030) if None, the release has 13.8e22 [1].
        smearing: Gaussian resolution 0.58 sqrt(E_ee/keV) with the efficiency on reconstructed
            energies; the paper has none.
        threshold_kevee: Cut on the efficiency, 1.75 in the paper's electromagnetic tables [keVee].
        pulls: Standard deviations of "sig" (0.134), "brn" (0.32) and "lbrn" (1.0); 0 removes one
            [1].
        nodes: Quadrature nodes a panel.
        data: Tables, or the folder of the official release, instead of the shipped data.

    Raises:
        UnknownNameError: At an unknown pull.
        InputError: At values of the wrong kind.
        DataError: If a data file is missing or malformed.
    """
    checks.flag("lar-2020: smearing", smearing)
    tables = _tables(data)
    paper = read_toml("coherent_lar_2020", "experiment.toml")["alternatives"]["cadeddu2020"]
    brn, lbrn = (_normalised(tables, pdf, n) for pdf, n in (("brn", 497.0), ("delayed_brn", 33.0)))
    energy = tables.projections["energy"]
    shape_variance = (_BRN_SHAPE_SPREAD**2 / 12) * (brn + lbrn) ** 2
    a, b = tables.quenching["a"][0], tables.quenching["b"][0]
    return Experiment(
        name=NAME,
        target=target("40Ar"),
        mass_kg=paper["mass_kg"]
        if mass_kg is None
        else checks.number("lar-2020: mass_kg", mass_kg),
        flux=DecayAtRest(
            neutrinos_per_proton=tables.neutrinos_per_proton[0],
            protons_on_target=paper["protons_on_target"]
            if protons_on_target is None
            else checks.number("lar-2020: protons_on_target", protons_on_target),
            baseline_m=tables.baseline_m,
        ),
        detector=Detector(
            quenching=quenching or PolynomialQuenching((a, b * 1e3)),
            per_keV=1.0,
            efficiency=_efficiency(tables, threshold_kevee),
            resolution=GaussianSmearing(tables.resolution_sqrt_kevee) if smearing else None,
            edges=_EDGES,
            nodes=nodes,
        ),
        observable="E_ee_keV",
        observed=energy["data"],
        variance=energy["data_error"] ** 2 + shape_variance,
        backgrounds={"brn": brn, "delayed_brn": lbrn},
        pulls=_pulls(pulls),
        title="COHERENT CENNS-10 LAr 2020",
        source="Akimov et al., PRL 126, 012002; doi:10.5281/zenodo.3903810",
    )


def _tables(data: Lar2020Tables | str | Path | None) -> Lar2020Tables:
    if data is None:
        return shipped_lar_2020()
    if isinstance(data, Lar2020Tables):
        return data
    if not isinstance(data, str | Path):
        raise InputError(f"lar-2020: data must be tables or the release folder, got {data!r}")
    return read_lar_2020_release(data)


def _normalised(tables: Lar2020Tables, pdf: str, events: float) -> np.ndarray:
    """Energy projection of a release pdf, scaled to a number of events [count]."""
    projected = tables.pdfs[pdf].sum(axis=(1, 2))
    return events * projected / projected.sum()


def _efficiency(tables: Lar2020Tables, threshold_kevee: float | None) -> TabulatedEfficiency:
    threshold = -math.inf
    if threshold_kevee is not None:
        threshold = checks.number("lar-2020: threshold_kevee", threshold_kevee)
    x, y = tables.efficiency["energy_kevee"], tables.efficiency["efficiency"]
    return TabulatedEfficiency(tuple(x.tolist()), tuple(y.tolist()), threshold)


def _pulls(pulls: Mapping[str, float] | None) -> tuple[Pull, ...]:
    sd = {"sig": 0.134, "brn": 0.32, "lbrn": 1.0}
    for name, width in (pulls or {}).items():
        if name not in sd:
            raise UnknownNameError("lar-2020 pull", name, sd)
        if checks.number(f"lar-2020: pulls.{name}", width) < 0:
            raise InputError(f"lar-2020: pull {name} needs a width >= 0, got {width}")
        sd[name] = width
    known = (
        Pull(f"alpha_sig_{SHORT}", sd["sig"], (SIGNAL,), "relative shift of the CEvNS signal"),
        Pull(f"alpha_brn_{SHORT}", sd["brn"], ("brn",), "relative shift of prompt beam neutrons"),
        Pull(
            f"alpha_lbrn_{SHORT}",
            sd["lbrn"],
            ("delayed_brn",),
            "relative shift of delayed beam neutrons",
        ),
    )
    return tuple(p for p in known if p.sd > 0)

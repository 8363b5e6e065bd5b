"""Whole experiments drawn by hypothesis, as the words of an experiment folder and its tables."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from support import dense, dense_sections

SOURCES = {
    "decay_at_rest": {
        "kind": "decay_at_rest",
        "neutrinos_per_proton": 0.08,
        "protons_on_target": 1.5e23,
        "baseline_m": 20.0,
    },
    "reactor": {
        "kind": "reactor",
        "thermal_power_gw": 3.0,
        "baseline_m": 20.0,
        "exposure_days": 300.0,
        "fission_fractions": {"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
    },
    "solar_8b": {"kind": "solar_8b", "exposure_days": 1000.0},
    "table": {
        "kind": "table",
        "file": "spectrum.csv",
        "flavour": "nu_e",
        "fluence_per_cm2": 1e14,
        "baseline_m": 20.0,
    },
}
TARGETS = (
    {"material": "Ge"},
    {"material": "Si"},
    {"material": "Ar"},
    {"material": "Xe"},
    {"material": "CsI"},
    {"material": "NaI"},
    {"atoms": {"74Ge": 1}},
    {"atoms": {"Na": 1, "I": 1}},
)


def powers(low, high):
    """Numbers from 10^low to 10^high, evenly in the exponent."""
    return st.floats(low, high).map(lambda p: float(10**p))


RESOLUTIONS = ("none", "gaussian", "gamma", "poisson")


@st.composite
def experiments(draw, kind):
    """Sections of a folder with a kind of resolution, and its tables, {name: {column: numbers}}."""
    values = {
        "": {"name": "drawn", "statistic": "poisson"},
        "target": {"mass_kg": 10.0, **draw(st.sampled_from(TARGETS))},
        "neutrinos": SOURCES[draw(st.sampled_from(sorted(SOURCES)))],
        "data": {"kind": "planned"},
    }
    tables = {}
    if values["neutrinos"]["kind"] == "table":
        tables["spectrum"] = draw(spectra())
    top = float(dense.end_point(values, tables))
    values["quenching"] = draw(quenchings(top, tables))
    E_ee = dense_sections.quenching(values["quenching"], tables)[0]
    T = top * np.geomspace(1e-6, 1, 2001)
    assume(np.all((E_ee(T) > 0) & (E_ee(T) <= T)))
    energy = 1e3 * float(np.max(E_ee(T)))
    whole = kind == "poisson"
    per_keV = draw(powers(0.5, 2.5)) / energy if whole else draw(st.sampled_from([1.0, 12.5]))
    edges = draw(bins(per_keV * energy, 1.2 if kind == "none" else 2.0))
    if whole:
        edges = sorted({float(np.round(x)) for x in (*edges, edges[-1] + 1)})
    values["binning"] = {
        "observable": "x",
        "observable_per_kevee": per_keV,
        "edges": edges,
    }
    values["efficiency"] = draw(efficiencies(edges, tables))
    values["resolution"] = draw(resolutions(kind, per_keV, energy))
    return values, tables


@st.composite
def spectra(draw):
    """A neutrino spectrum of a few points, joined by straight lines; some have a step."""
    E = np.cumsum(draw(st.lists(st.floats(0.1, 8.0), min_size=3, max_size=6))).tolist()
    f = draw(st.lists(st.floats(0.0, 1.0), min_size=len(E) - 1, max_size=len(E) - 1))
    if draw(st.booleans()):
        E.insert(2, E[1])
        f.insert(2, draw(st.floats(0.0, 1.0)))
    return {"energy_mev": E, "density_per_mev": [1.0, *f]}


@st.composite
def quenchings(draw, top, tables):
    """Constant, a polynomial, or a table: Lindhard's curve, a smooth or a turning one."""
    kind = draw(st.sampled_from(["constant", "polynomial", "lindhard", "table", "turning"]))
    if kind == "constant":
        return {"kind": "constant", "factor": draw(st.floats(0.05, 1.0))}
    if kind == "polynomial":
        bends = draw(st.lists(st.integers(-15, 20), min_size=1, max_size=3))
        powers_of_T = [0.2, *(0.01 * b / top**k for k, b in enumerate(bends, start=1))]
        return {"kind": "polynomial", "coefficients_mev": powers_of_T}
    T_keV = 1.05e3 * top * np.geomspace(1e-3, 1, draw(st.integers(14, 30)))
    if kind == "lindhard":
        epsilon = 11.5 * 32 ** (-7 / 3) * T_keV
        g = draw(st.floats(0.1, 0.25)) * (3 * epsilon**0.15 + 0.7 * epsilon**0.6 + epsilon)
        factor = g / (1 + g)
    else:
        waves = 1 if kind == "table" else draw(st.integers(2, 4))
        height = draw(st.floats(0.02, 0.1) if kind == "table" else st.floats(0.3, 0.6))
        phase = 2 * np.pi * np.linspace(0, waves, len(T_keV)) + draw(st.floats(0, 6.28))
        factor = draw(st.floats(0.05, 0.4)) * (1 + height * np.sin(phase))
    tables["quenching"] = {
        "recoil_energy_kev": [0.0, *T_keV],
        "quenching_factor": [factor[0], *factor],
    }
    return {"kind": "table", "file": "quenching.csv"}


@st.composite
def bins(draw, top, reach):
    """One to five bins from 0 or a threshold: equal, or each wider than the one before."""
    last = top * draw(st.floats(0.15, reach))
    first = draw(st.just(0.0) | powers(-3, -0.02).map(lambda part: part * last))
    assume(first < 0.95 * reach / 2 * top)
    widths = draw(powers(0, 2)) ** np.arange(draw(st.integers(1, 5)))
    walls = first + (last - first) * np.cumsum(widths) / np.sum(widths)
    return [float(first), *walls.tolist()]


@st.composite
def efficiencies(draw, edges, tables):
    """From flat to a cut; turn-ons lie within the first bins."""
    low, span = edges[0], edges[-1] - edges[0]
    at = low + span * draw(powers(-2.5, -0.2))
    kind = draw(st.sampled_from(["constant", "logistic", "clipped", "steps", "table", "cut"]))
    if kind == "constant":
        return {"kind": "constant", "value": draw(st.floats(0.1, 1.0))}
    if kind in ("logistic", "clipped", "steps"):
        section = {"kind": "logistic", "a": 0.9, "k": draw(powers(0, 6)) / span, "x_0": at}
        extra = {"clipped": {"d": -0.1}, "steps": {"steps": [[at, 0.5], [at + span / 5, 1.0]]}}
        return section | extra.get(kind, {})
    if kind == "cut":
        points, heights = [edges[0] - 1.0, edges[-1] + 1.0], [0.8, 0.8]
    else:
        inner = sorted(draw(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True)))
        points = [low, *(low + span * x for x in inner), edges[-1]]
        heights = draw(st.lists(st.floats(0, 1), min_size=len(points), max_size=len(points)))
    tables["efficiency"] = {"observable": points, "efficiency": heights}
    threshold = {"threshold": at} if kind == "cut" else {}
    return {"kind": "table", "file": "efficiency.csv", **threshold}


@st.composite
def resolutions(draw, kind, per_keV, energy):
    """A width between half a per cent and the whole of the largest observable."""
    if kind in ("none", "poisson"):
        return {"kind": kind}
    relative = draw(powers(-2.3, 0))
    if kind == "gaussian":
        return {"kind": "gaussian", "c": relative * float(np.sqrt(per_keV * energy))}
    offset = draw(st.floats(0.3, 5.0))
    return {
        "kind": "gamma",
        "shape_offset": offset,
        "shape_per_kevee": max(0.0, relative**-2 - offset) / energy,
    }

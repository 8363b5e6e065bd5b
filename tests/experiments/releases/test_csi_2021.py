"""CsI 2021: data, counts, times and morphs against golden values, an oracle and rebuilt models."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import gamma
from support import helpers, oracle

from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.detector.quenching import PolynomialQuenching, coherent2020
from cevnsjax.detector.resolution import GammaSmearing
from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments import EXPERIMENTS, csi_2021
from cevnsjax.experiments.releases.csi_2021.tables import shipped_csi_2021
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

NAME = "csi-2021"
GOLDEN_PULSE = Pulse(0.47193122, 0.13813900)
PE = [0, 8, 12, 16, 20, 24, 32, 40, 50, 60]
TIMES = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6]
OTHERS = ("fluence", "data.pe", "data.time", "time_fractions.prompt", "E_ee.T10keV")
OTHERS += ("efficiency.n20", "gamma_cdf.n16.E_ee1keV")


def discretised(**options):
    """The conventions of the golden values: efficiency at 0.25-PE cell centres, fitted pulse."""
    return csi_2021(pulse=GOLDEN_PULSE, cells_pe=0.25, nodes=30, morphs=(), **options)


def signal(experiment, couplings="erler_su_printed"):
    """Signal [source][PE, t]."""
    parts = Model(experiment, [StandardModel(couplings)]).by_component()[NAME]["signal"]
    return {s: np.asarray(c).reshape(experiment.grid) for s, c in parts.items()}


def summed(experiment):
    return sum(signal(experiment).values())


def without_times(experiment):
    """Every neutrino counts once, whenever it arrives: the time axis has equal fractions."""
    even = {s: np.full((9, 11), 1 / 11) for s in experiment.spread}
    return replace(experiment, spread=even)


@pytest.mark.parametrize("entry", helpers.entries("csi_2021", "counts"))
def test_golden_counts(entry):
    x, e = entry["inputs"]["experiment"], discretised()
    assert (x["mass_kg"], x["pe_edges"], x["t_us_edges"]) == (e.mass_kg, PE, TIMES)
    if entry["id"].endswith("no_time_efficiency"):
        e = without_times(e)
    value = summed(e).sum(axis=1)
    helpers.check(value if np.ndim(entry["value"]) else value.sum(), entry)


def test_golden_others():
    rows, e = helpers.golden("csi_2021"), discretised()
    helpers.check(e.flux.fluence, rows["fluence"])
    observed = e.observed.reshape(9, 11)
    helpers.check(observed.sum(axis=1), rows["data.pe"])
    helpers.check(observed.sum(axis=0), rows["data.time"])
    for row in e.spread["nu_mu"]:
        helpers.check(row, rows["time_fractions.prompt"])
    E = e.detector.quenching.E_ee(np.array([0.01]), {}, np)
    helpers.check(E[0] * 1e3, rows["E_ee.T10keV"])
    helpers.check(e.detector.efficiency(np.array(20.0), np), rows["efficiency.n20"])
    assert {n for n in rows if not n.startswith("counts")} == set(OTHERS)


class Unit:
    """An efficiency of 1."""

    kinks = ()

    def __call__(self, x, xp):
        return xp.ones_like(x)


@pytest.mark.parametrize("cells", [None, 16.0, 0.5])
def test_golden_gamma_cdf(cells):
    entry = helpers.golden("csi_2021")["gamma_cdf.n16.E_ee1keV"]
    smearing = GammaSmearing(1.0, 9.56, cells=cells)
    E = np.array([1e-3])
    helpers.check(smearing.bin_weights(E / 0.0749e-3, E, (0.0, 16.0), Unit(), np)[0, 0], entry)


def test_observed_and_backgrounds():
    """1578 events; neutrons and steady state as outer products, normalised in the window."""
    tables, e = shipped_csi_2021(), csi_2021()
    assert e.observed.sum() == 1578
    late = tables.events["anticoincidence"]
    assert np.sum((late["n_pe"] < 60) & (late["t_us"] < 6)) == 1295
    for name, events in (("brn", 18.4), ("nin", 5.6), ("steady_state", 1286.0)):
        cells = e.backgrounds[name].reshape(9, 11)
        assert cells.sum() == pytest.approx(events, rel=1e-13)
        assert np.linalg.matrix_rank(cells, tol=1e-10) == 1
    for name in ("brn", "nin"):
        cells = e.backgrounds[name].reshape(9, 11)
        energy = [tables.neutrons_n_pe[name][a:b].sum() for a, b in pairwise(PE)]
        np.testing.assert_allclose(cells.sum(axis=1) / cells.sum(), energy / np.sum(energy))
        # Half bins of 0.01 us: every edge then lies between two halves.
        centre, content = tables.t_us, tables.neutrons_t_us[name]
        content = content * np.exp(-0.0494 * np.maximum(centre - 0.52, 0))
        halves = np.concatenate([centre - 0.0025, centre + 0.0025])
        time = np.histogram(halves, TIMES, weights=np.tile(content / 2, 2))[0]
        np.testing.assert_allclose(cells.sum(axis=0) / cells.sum(), time / time.sum(), rtol=1e-10)
    steady = e.backgrounds["steady_state"].reshape(9, 11)
    energy = np.histogram(late["n_pe"][late["t_us"] < 12], PE)[0]
    np.testing.assert_allclose(steady.sum(axis=1) / 1286, energy / energy.sum(), rtol=1e-12)
    time = -np.diff(np.exp(-0.0494 * np.array(TIMES)))
    np.testing.assert_allclose(steady.sum(axis=0) / 1286, time / time.sum(), rtol=1e-12)


@pytest.mark.parametrize(("pulse", "events"), [(GOLDEN_PULSE, 325.7545), (None, 325.711)], ids=str)
def test_converged_totals(pulse, events):
    assert summed(csi_2021(pulse=pulse, morphs=())).sum() == pytest.approx(events, rel=1e-4)
    fine = summed(csi_2021(pulse=pulse, morphs=(), nodes=40))
    np.testing.assert_allclose(summed(csi_2021(pulse=pulse, morphs=())), fine, rtol=1e-9)


def test_counts_against_oracle():
    """Adaptive quadrature of recoil energy and photoelectrons, all times."""
    dsigma = oracle.standard_model("erler_su_printed", 0.23857, oracle.form_factor("helm"))
    kink = 10.8646 - np.log(1.32045 / 0.333322 - 1) / 0.285979

    def pdf(n, T):
        E = 1e3 * oracle.E_ee(T, "coherent2020")
        return gamma.pdf(n, 1 + 9.56 * E, scale=E / 0.0749 / (1 + 9.56 * E))

    expected = oracle.counts(
        PE,
        dsigma,
        oracle.csi_targets(14.6),
        oracle.fluence(0.0848, 3.2e23, 19.3),
        "coherent2020",
        smearing=pdf,
        accept=lambda n: np.maximum(
            1.32045 / (1 + np.exp(-0.285979 * (n - 10.8646))) - 0.333322, 0
        ),
        cuts=(kink,),
        T_low=1e-7,
    )
    got = signal(without_times(csi_2021(morphs=())))
    assert helpers.worst_error({s: c.sum(axis=1) for s, c in got.items()}, expected) < 1e-7


@cache
def nominal():
    return Model(csi_2021(), [StandardModel("erler_su_printed")])


def moved(name, side):
    """The signal rebuilt with one quantity moved by a standard deviation, or unchanged."""
    if not name:
        return signal(csi_2021(morphs=()))
    if name == "time":
        return signal(csi_2021(pulse=Pulse(0.472 + side * 0.025, 0.150), morphs=()))
    if name == "eff":
        tables = shipped_csi_2021()
        chosen = tables.efficiency["plus" if side > 0 else "minus"]
        tables = replace(tables, efficiency={**tables.efficiency, "nominal": chosen})
        return signal(csi_2021(data=tables, morphs=()))
    curve = coherent2020()
    shift = curve.variations[int(name[-1]) - 1]
    shifted = [c + side * s for c, s in zip(curve.coefficients, shift, strict=True)]
    return signal(csi_2021(PolynomialQuenching(tuple(shifted)), morphs=()))


@pytest.mark.parametrize("name", ["qf_1", "qf_2", "eff", "time"])
def test_morphs(name):
    """A morph goes through the predictions rebuilt at +1 and -1 sigma; half way by code 4p.

    Except where that is less than a tenth of nominal, as the efficiency can make the first bin:
    there it is kept positive.
    """
    full = f"alpha_{name}_csi2021"
    centre, plus, minus = moved("", 0), moved(name, 1), moved(name, -1)
    for source, c in centre.items():
        difference, A = plus[source] - minus[source], (plus[source] + minus[source] - 2 * c) / 16
        half = c + 0.25 * difference + (15 / 4 - 10 / 16 + 3 / 64) * A
        low = 0
        for value, changed in ((0.0, c), (1.0, plus[source]), (-1.0, minus[source]), (0.5, half)):
            t = np.maximum((0.1 * c - changed) / (0.1 * c), 0)
            expected = np.where(t > 0, 0.1 * c * np.exp(-t - t**2 / 2), changed)
            got = nominal().predicted({full: value})[NAME]["signal"][source]
            scale = np.max(np.abs(difference))
            np.testing.assert_allclose(
                np.asarray(got).reshape(9, 11) - c, expected - c, rtol=1e-8, atol=1e-9 * scale
            )
            low += np.sum(t[1:] > 0)
        assert low == 0
    prior = nominal().parameters[full].prior
    assert (prior.mean, prior.sd) == (0.0, 1.0)


def test_options():
    assert EXPERIMENTS[NAME] is csi_2021
    assert [p.sd for p in csi_2021().pulls] == [0.12, 0.25, 0.35, 0.021]
    assert len(csi_2021(pulls={"nin": 0, "ss": 0}).pulls) == 2
    assert csi_2021(pulls={"sig": np.inf}).parameters[0].prior is None
    names = [m.name for m in csi_2021(morphs="eff").morphs]
    assert names == ["alpha_eff_csi2021"]
    # A quenching curve without published variations loses only their morphs.
    assert [m.name for m in csi_2021(0.0878).morphs] == ["alpha_eff_csi2021", "alpha_time_csi2021"]
    heavy = summed(csi_2021(mass_kg=29.2, morphs=()))
    np.testing.assert_allclose(heavy, 2 * summed(csi_2021(morphs=())), rtol=1e-13)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mass_kg": -1.0}, InputError, "mass_kg must be > 0"),
        ({"mass_kg": float("inf")}, InputError, "mass_kg must be a finite number"),
        ({"pulls": {"sig": -0.1}}, InputError, "pull sig needs a standard deviation >= 0"),
        ({"pulls": {"sig": float("nan")}}, InputError, "pull sig needs a standard deviation >= 0"),
        ({"pulls": {"brm": 0.1}}, UnknownNameError, "csi-2021 pull 'brm'; did you mean brn"),
        ({"morphs": ("qf_3",)}, UnknownNameError, "csi-2021 morph 'qf_3'; did you mean qf_"),
        ({"quenching": 0.0878, "morphs": ("qf_1",)}, UnknownNameError, "morph 'qf_1'"),
        ({"quenching": "chicago4"}, UnknownNameError, "chicago4"),
        ({"nodes": 0}, InputError, "nodes must be a whole number >= 1"),
        ({"cells_pe": 0.0}, InputError, "cells"),
        ({"cells_pe": -0.25}, InputError, "cells"),
        ({"cells_pe": 0.7}, InputError, "cells"),
        ({"data": "/nowhere/at/all"}, DataError, "nowhere"),
    ],
    ids=str,
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        Model(csi_2021(**options))

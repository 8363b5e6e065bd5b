"""Responses are right to their accuracy, or there is an error; witnesses: scipy, dense foldings."""

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from support import dense
from support.experiment_folder import folder_of

from cevnsjax.core.errors import InputError
from cevnsjax.detector.efficiency import Logistic, TabulatedEfficiency
from cevnsjax.detector.panels import SmearedPanels
from cevnsjax.detector.quenching import PolynomialQuenching
from cevnsjax.detector.refine import also_for
from cevnsjax.detector.resolution import GammaSmearing, GaussianSmearing
from cevnsjax.detector.response import bin_weights
from cevnsjax.experiments import csi_2017, load
from cevnsjax.model.model import Model

GERMANIUM = {
    "": {"name": "ge", "statistic": "poisson"},
    "target": {"mass_kg": 10.0, "material": "Ge"},
    "neutrinos": {
        "kind": "reactor",
        "thermal_power_gw": 3.0,
        "baseline_m": 20.0,
        "exposure_days": 365.0,
        "fission_fractions": {"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
    },
    "quenching": {"kind": "constant", "factor": 0.2},
    "binning": {"observable": "E_ee_keV", "observable_per_kevee": 1.0, "edges": [0, 1.0, 2.0]},
    "efficiency": {"kind": "constant", "value": 1.0},
    "data": {"kind": "planned"},
}
GAMMA = {"resolution": {"kind": "gamma", "shape_per_kevee": 10.0}}
FROM_ZERO = {"observable": "E_ee_keV", "observable_per_kevee": 1.0, "edges": [0, 0.2, 1.0]}


def logistic(k):
    """A turn-on of width 1/k at 0.171 keV, in the first of two bins."""
    return {
        "binning": FROM_ZERO | {"edges": [0.15, 0.2, 0.25]},
        "efficiency": {"kind": "logistic", "a": 0.95, "k": k, "x_0": 0.171},
    }


CUT = {
    "binning": FROM_ZERO | {"edges": [0.171, 0.2, 0.25]},
    "efficiency": {"kind": "constant", "value": 0.95},
}
SMEARED = {"resolution": {"kind": "gaussian", "c": 0.08}}


def signal(experiment):
    """Expected signal in the bins of a planned experiment without backgrounds."""
    return np.asarray(Model(experiment).expected()[experiment.name])


@pytest.mark.parametrize(
    "changes",
    [
        GAMMA,
        GAMMA | {"binning": FROM_ZERO},
        {},
        *(logistic(k) for k in (1e5, 5000.0, 1000.0)),
        *(logistic(k) | SMEARED for k in (1e5, 1000.0)),
    ],
    ids=["gamma", "narrow", "unsmeared", "cut", "5000", "1000", "cut smeared", "1000 smeared"],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_scales_that_panels_do_not_have(tmp_path, changes):
    """Bins from 0 and turn-ons narrower than any bin; no warning of numpy."""
    values = GERMANIUM | changes
    experiment = load(folder_of(tmp_path / "ge", values))
    expected = dense.counts(values, {})
    assert experiment.accuracy < 1e-6
    np.testing.assert_allclose(signal(experiment), expected, rtol=0, atol=1e-6 * expected.max())


def test_a_steep_turn_on_is_a_cut(tmp_path):
    """k = 1e5/keV is a cut at 0.171 keV to 1e-5 keV; the counts of Ge in 0.171 to 0.2 keV."""
    steep = signal(load(folder_of(tmp_path / "a", GERMANIUM | logistic(1e5))))
    cut = signal(load(folder_of(tmp_path / "b", GERMANIUM | CUT)))
    np.testing.assert_allclose(steep, cut, rtol=3e-7)
    np.testing.assert_allclose(cut, [2180.961, 1503.465], rtol=1e-6)


@pytest.mark.parametrize(
    ("binning", "expected"), [({}, [650437.8, 0.633]), (FROM_ZERO, [642420.7, 8017.16])]
)
def test_gamma_resolution_conserves_counts(tmp_path, binning, expected):
    """1500 narrow unsmeared bins times scipy.stats.gamma.cdf; all recoils lie above 0."""
    sharp = GERMANIUM | {"binning": FROM_ZERO | {"edges": np.linspace(0, 0.6, 1501).tolist()}}
    counts = signal(load(folder_of(tmp_path / "sharp", sharp)))
    E = (np.linspace(0, 0.6, 1501)[1:] + np.linspace(0, 0.6, 1501)[:-1]) / 2
    values = GERMANIUM | GAMMA | ({"binning": binning} if binning else {})
    got = signal(load(folder_of(tmp_path / "ge", values)))
    shape = 1 + 10 * E
    below = stats.gamma.cdf(np.array(values["binning"]["edges"])[:, None], shape, scale=E / shape)
    np.testing.assert_allclose(got, np.diff(below, axis=0) @ counts, atol=1e-3 * counts.sum())
    np.testing.assert_allclose(got.sum(), counts.sum(), rtol=1e-6)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=5e-4)


@dataclass(frozen=True)
class All:
    """Efficiency 1."""

    kinks: tuple[float, ...] = ()

    def __call__(self, x, xp):
        return xp.ones_like(x)


@pytest.mark.parametrize("a", [0.3, 1.0, 5.0])
def test_gamma_weights_sum_to_one(a):
    x = np.geomspace(1e-9, 60.0, 50)
    got = GammaSmearing(a).bin_weights(x, x / 13348, (0.0, 1e-3, 4.0, 1e5), All(), np)
    np.testing.assert_allclose(got.sum(axis=0), 1.0, rtol=1e-13)


# Where the steep efficiency begins, 0.9/(1 + exp(-1e4 (x - 2))) = 0.2, and where it has risen.
ONSET = 2 + np.array([-math.log(0.9 / 0.2 - 1), 0.0, 3.0, 10.0, 30.0]) / 1e4


@pytest.mark.parametrize("c", [0.003, 0.1, 1.5])
@pytest.mark.parametrize(
    "efficiency",
    [
        Logistic(0.9, 3.0, 2.0),
        Logistic(0.9, 1e4, 2.0, -0.2),
        TabulatedEfficiency((0.0, 1.5, 2.5, 4.0), (0.1, 0.8, 0.3, 0.9), 1.0),
    ],
    ids=["logistic", "steep", "table"],
)
def test_efficiency_inside_a_bin(efficiency, c):
    """One wide bin from 0 against scipy's adaptive quadrature of efficiency times density."""
    got = GaussianSmearing(c).bin_weights(
        x := np.array([0.3, 1.9, 2.0, 2.4, 7.0]), x / 1e3, (0.0, 5.0), efficiency, np
    )[0]
    for x_true, value in zip(x, got, strict=True):
        law = stats.norm(x_true, c * np.sqrt(x_true))
        near = x_true + c * np.sqrt(x_true) * np.array([-8, -3, 0, 3, 8])
        bends = [*ONSET, 1.0, 1.5, 2.5, 4.0]
        cuts = sorted({float(y) for y in (*near, *bends) if 0 < y < 5})
        f = lambda y, law=law: law.pdf(y) * float(efficiency(y, np))  # noqa: E731
        expected = quad(f, 0, 5, points=cuts, limit=500, epsabs=1e-13, epsrel=1e-12)[0]
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-11)


def test_the_estimate_is_that_of_the_error(tmp_path):
    """Counts at several accuracies differ from those at 1e-11 by less than each estimate."""
    values = GERMANIUM | GAMMA | logistic(60.0)
    folder = folder_of(tmp_path / "ge", values)
    right, nodes = signal(load(folder, accuracy=1e-11)), []
    for accuracy in (1e-2, 1e-4, 1e-6, 1e-8):
        experiment = load(folder, accuracy=accuracy)
        nodes.append(experiment.checked("approximate").panels.roots.size)
        error = np.max(np.abs(signal(experiment) - right)) / right.max()
        assert error <= max(experiment.accuracy, 1e-12)
        assert experiment.accuracy <= accuracy
    assert nodes == sorted(nodes)


def test_nodes_are_the_number_to_start_from(tmp_path):
    """One node a panel reaches the accuracy as well, with more panels."""
    values = GERMANIUM | SMEARED | logistic(60.0)
    many = load(folder_of(tmp_path / "a", values))
    binning = values["binning"] | {"nodes": 2, "accuracy": 1e-5}
    few = load(folder_of(tmp_path / "b", values | {"binning": binning}))
    assert few.detector.order == 2
    assert few.accuracy <= 1e-5
    np.testing.assert_allclose(signal(few), signal(many), atol=2e-5 * signal(many).max())


@dataclass(frozen=True)
class Noise:
    """An efficiency that no panel resolves."""

    kinks: tuple[float, ...] = ()

    def __call__(self, x, xp):
        return 0.5 + 0.4 * xp.sin(1e9 * x)


@pytest.mark.parametrize("smearing", [None, "gaussian"])
def test_an_accuracy_that_cannot_be_met(smearing):
    experiment = csi_2017(smearing=smearing)
    with pytest.raises(InputError, match=r"csi-2017: .*not to accuracy = 1e-09") as problem:
        replace(experiment, detector=replace(experiment.detector, efficiency=Noise()))
    assert "\n" not in str(problem.value)


def test_where_nothing_is_seen_nothing_is_wrong():
    blind, experiment = TabulatedEfficiency((0.0, 100.0), (0.0, 0.0)), csi_2017()
    seen = replace(experiment, detector=replace(experiment.detector, efficiency=blind))
    assert seen.accuracy == 0


def test_gamma_smearing_has_two_derivatives_in_a_trace():
    """Against differences of the weights of scipy's incomplete gamma functions."""
    detector = csi_2017(smearing="gamma", bins=(6, 30)).detector
    T = np.geomspace(2e-4, 0.045, 40)

    def weights(scale):
        return bin_weights(detector, jnp.asarray(T), {"qf_scale": scale}, jnp)

    def reference(scale):
        curve = PolynomialQuenching(tuple(scale * c for c in detector.quenching.coefficients))
        return bin_weights(replace(detector, quenching=curve), T, {})

    h = 1e-3
    at = [reference(1.1 + k * h) for k in (-2, -1, 0, 1, 2)]
    first = (at[0] - 8 * at[1] + 8 * at[3] - at[4]) / (12 * h)
    second = (-at[0] + 16 * at[1] - 30 * at[2] + 16 * at[3] - at[4]) / (12 * h**2)
    x = jnp.asarray(1.1)
    np.testing.assert_allclose(jax.jit(weights)(x), at[2], atol=1e-11)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(weights))(x), first, atol=1e-8)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.jacrev(weights)))(x), second, atol=1e-6)


def test_shape_parameters_within_two_standard_deviations(tmp_path):
    """A scale of the curve at +2 sd against a folder with that curve."""
    values = GERMANIUM | logistic(1e4)
    shape = {"kind": "constant", "factor": 0.2, "nuisances": ["qf_scale"], "scale_sd": 0.1}
    moved = Model(load(folder_of(tmp_path / "a", values | {"quenching": shape})))
    fixed = values | {"quenching": {"kind": "constant", "factor": 0.24}}
    expected = signal(load(folder_of(tmp_path / "b", fixed)))
    got = np.asarray(moved.expected({"qf_scale_ge": 1.2})["ge"])
    np.testing.assert_allclose(got, expected, atol=2e-6 * expected.max())


def test_a_table_that_does_not_cover_the_recoils_says_so(tmp_path):
    table = {
        "recoil_energy_kev": [0.5, 1.0, 2.0, 3.1],
        "quenching_factor": [0.15, 0.17, 0.19, 0.2],
    }
    values = GERMANIUM | {"quenching": {"kind": "table", "file": "quenching.csv"}}
    values["binning"] = FROM_ZERO | {"edges": [0.05, 0.1, 0.4]}
    with pytest.raises(InputError, match=r"covers recoils of 0\.5 to 3\.1 keV, but 0\.\d+ of the"):
        load(folder_of(tmp_path / "ge", values, quenching=table))
    accepted = values | {"quenching": values["quenching"] | {"outside": "constant"}}
    experiment = load(folder_of(tmp_path / "ge", accepted, quenching=table))
    expected = dense.counts(accepted, {"quenching": table})
    np.testing.assert_allclose(signal(experiment), expected, rtol=2e-6)
    higher = values["binning"] | {"edges": [0.1, 0.4]}
    assert load(folder_of(tmp_path / "ge", values | {"binning": higher}, quenching=table)).grid == (
        1,
    )


def test_panels_are_cut_up_to_their_end():
    panels = SmearedPanels(4, np.array([0.0, 0.1, 0.2]).tobytes())
    cut = panels.cut(csi_2017().detector, {}, np.array([0.0, 0.0025, 0.0361, 0.04, 0.09]))
    np.testing.assert_allclose(cut.roots, [0.0, 0.05, 0.1, 0.19, 0.2], rtol=1e-15)


def test_a_kind_of_spectrum_that_vanishes_needs_no_panels():
    checked = csi_2017(smearing="gamma").checked("approximate")
    ends = np.array([0.0474])
    still = also_for(checked, ends, lambda T: np.zeros((1, 1, T.size)), 1e-6)
    assert still == checked

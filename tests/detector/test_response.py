"""The response matrix: nodes and weights against quadrature, panels, and convergence."""

from dataclasses import dataclass, replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.detector.quenching import PolynomialQuenching, coherent2020
from cevnsjax.detector.response import response
from cevnsjax.experiments import csi_2017
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.model.model import Model
from cevnsjax.nuclei import target

KINKS = np.array(
    sorted(
        T_nr_max(E, n.mass, "approximate")
        for E in DecayAtRest(1.0, 1.0, 1.0).kink_energies
        for n in target("CsI").nuclei
    )
)
SMEARED = ["poisson", "gamma", "gaussian"]


@dataclass(frozen=True)
class All:
    """Efficiency 1."""

    kinks: tuple[float, ...] = ()

    def __call__(self, x, xp):
        return xp.ones_like(x)


def test_unsmeared_with_full_efficiency_measures_recoil_intervals():
    """Row sums are the lengths of the T intervals of the bins, capped at the last end point."""
    detector = replace(csi_2017(bins=(6, 50)).detector, efficiency=All())
    quenching = coherent2020()

    def excess(T, edge):
        return 13348 * quenching.E_ee(T, {}, np) - edge

    T = [brentq(excess, 0, 0.06, (edge,), xtol=1e-17) for edge in detector.edges]
    for top in (KINKS, KINKS[:2]):
        nodes, R = response(detector, top, {})
        expected = np.diff(np.minimum(T, top[-1]))
        np.testing.assert_allclose(
            R.fold(np.ones((1, nodes.size)))[0, 0], expected, rtol=1e-12, atol=1e-17
        )


@pytest.mark.parametrize("name", ["constant", "coherent2020", "pe117"])
def test_unsmeared_integrates_a_smooth_rate(name):
    """One bin at a time against scipy's adaptive quadrature of rate times acceptance."""
    detector = csi_2017(name, bins=(4, 40)).detector
    T, R = response(detector, KINKS, {})
    rate = lambda t: np.exp(-t / 0.01) * (1 + 1e3 * t**2)  # noqa: E731
    n = lambda t: detector.observable(t, {}, np)  # noqa: E731
    got = R.fold(rate(T)[None])[0, 0]
    for i, edges in enumerate(pairwise(detector.edges)):
        low, high = (min(brentq(lambda t, e=e: n(t) - e, 0, 0.06), KINKS[-1]) for e in edges)
        five = brentq(lambda t: n(t) - 5, 0, 0.06)
        f = lambda t: rate(t) * float(detector.efficiency(n(t), np))  # noqa: E731
        cut = [five] if low < five < high else None
        expected = quad(f, low, high, points=cut, epsabs=0, epsrel=1e-12)[0]
        assert got[i] == pytest.approx(expected, rel=2e-10)


@pytest.mark.parametrize("shape", [{"qf_scale": 1.0}, {"qf_scale": 1.0, "qf_1": 0.0, "qf_2": 0.0}])
@pytest.mark.parametrize("smearing", [None, *SMEARED])
def test_traced_as_built(smearing, shape):
    """A response traced by jax at the nominal shape integrates a rate as the built one does."""
    detector = csi_2017(smearing=smearing, bins=(6, 40)).detector
    traced = {k: jnp.asarray(v) for k, v in shape.items()}
    totals = []
    for given, xp in (({}, np), (traced, jnp)):
        T, R = response(detector, KINKS, given, xp)
        totals.append(np.asarray(R.fold(xp.exp(-T / 0.01)[None], xp))[0, 0])
    np.testing.assert_allclose(totals[1], totals[0], rtol=1e-12)


def _counts(experiment, nodes):
    """Signal by source and bin with a given number of nodes a panel."""
    detector = replace(experiment.detector, nodes=nodes)
    model = Model(replace(experiment, detector=detector))
    by_source = model.by_component()["csi-2017"]["signal"]
    return np.stack([np.asarray(v) for v in by_source.values()])


@pytest.mark.parametrize("smearing", [None, *SMEARED])
@pytest.mark.parametrize("quenching", ["constant", "coherent2020"])
def test_default_nodes_have_converged(smearing, quenching):
    """Doubling the default moves no bin by more than 1e-9 (1e-8 smeared), relative."""
    experiment = csi_2017(quenching, smearing=smearing)
    order = experiment.detector.order
    fine = _counts(experiment, 2 * order)
    tolerance = 1e-8 if smearing else 1e-9
    np.testing.assert_allclose(_counts(experiment, order), fine, rtol=tolerance, atol=0)
    coarse = _counts(experiment, max(order // 2, 1))
    np.testing.assert_allclose(coarse, fine, rtol=0.05)
    assert np.max(np.abs(coarse - fine)) > np.max(np.abs(_counts(experiment, order) - fine))


@pytest.mark.parametrize("bins", [(6, 30), (0, 50)])
def test_one_wide_bin_with_default_nodes(bins):
    """The sum over bins is the integral over one bin, whatever its width."""
    narrow = _counts(csi_2017(bins=bins), 12).sum(axis=1)
    wide = _counts(csi_2017(bins=bins, statistic="counting"), None)[:, 0]
    np.testing.assert_allclose(wide, narrow, rtol=1e-9)


def test_nodes_stay_within_the_spectrum():
    for smearing in (None, *SMEARED):
        T, R = response(csi_2017(smearing=smearing, bins=(6, 50)).detector, KINKS, {})
        assert np.all((T > 0) & (KINKS[-1] > T))
        matrix = R.fold(np.eye(len(T)))[:, 0]
        assert np.all(matrix >= 0)
        assert matrix.shape == (len(T), 22)


TURNING = PolynomialQuenching((0.1, -2.0))
"""E_ee = 0.1 T - 2 T^2: it grows up to T = 25 keV and falls beyond."""


def _between(x, factor=1.0):
    """Recoil energies where 13348 (0.1 T - 2 T^2) factor is x, the smaller first; closed form."""
    root = np.sqrt(0.01 - 8 * np.minimum(x / 13348 / factor, 0.00125))
    return (0.1 - root) / 4, (0.1 + root) / 4


def _turning_counts(edges, factor=1.0):
    """Integral of exp(-T/10 keV) over both stretches of each bin, closed form [MeV]."""
    primitive = lambda T: -0.01 * np.exp(-T / 0.01)  # noqa: E731
    rising, falling = (np.minimum(T, KINKS[-1]) for T in _between(np.array(edges), factor))
    return np.diff(primitive(rising)) - np.diff(primitive(falling))


def test_quenching_that_turns_around_fills_a_bin_twice():
    detector = replace(
        csi_2017(TURNING, bins=(6, 20)).detector, efficiency=All(), edges=(2.0, 6.0, 14.0, 20.0)
    )
    T, R = response(detector, KINKS, {})
    expected = _turning_counts(detector.edges)
    np.testing.assert_allclose(R.fold(np.exp(-T / 0.01)[None])[0, 0], expected, rtol=1e-12)


def test_quenching_that_turns_around_inside_a_trace():
    """Counts and their derivative with respect to the scale, which moves all four ends of a bin."""
    edges = (2.0, 6.0, 14.0, 20.0)
    detector = replace(csi_2017(TURNING, bins=(6, 20)).detector, efficiency=All(), edges=edges)

    def counts(scale):
        T, R = response(detector, KINKS, {"qf_scale": scale}, jnp)
        return R.fold(jnp.exp(-T / 0.01)[None], jnp)[0, 0]

    for scale in (0.9, 1.0, 1.2):
        got, slope = jax.jvp(counts, (jnp.asarray(scale),), (jnp.asarray(1.0),))
        np.testing.assert_allclose(got, _turning_counts(edges, scale), rtol=1e-11)
        by_hand = (
            _turning_counts(edges, scale + 1e-6) - _turning_counts(edges, scale - 1e-6)
        ) / 2e-6
        # The last bin reaches the turning point only above a scale of 20/16.685.
        np.testing.assert_allclose(slope[:2], by_hand[:2], rtol=1e-7)


def test_shape_parameters_that_move_a_turning_point_are_refused():
    turning = replace(TURNING, variations=((0.0, 0.01),))
    with pytest.raises(InputError, match=r"csi-2017: quenching turns around at other recoil ener"):
        csi_2017(turning, shape="qf_1")
    assert csi_2017(turning, shape="qf_1", smearing="gaussian").accuracy < 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": (6.0, 6.0)}, r"bin edges must increase, got \[6\.0, 6\.0\]"),
        ({"edges": (8.0, 6.0)}, "bin edges must increase"),
        ({"edges": (8.0,)}, "bin edges must increase"),
        ({"nodes": 0}, "nodes must be at least 1, got 0"),
        ({"nodes": 1001}, "nodes must be at most 1000, got 1001"),
        ({"accuracy": 0.0}, "accuracy must lie between 0 and 1, e.g. 1e-6 of the largest cell"),
    ],
)
def test_bad_detector(change, message):
    with pytest.raises(InputError, match=message):
        replace(csi_2017().detector, **change)

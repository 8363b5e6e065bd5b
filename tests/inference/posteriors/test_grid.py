"""Posteriors on grids: closed forms, integrals by brute force, intervals of highest density."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError

NAME = "csi-2017"


@pytest.fixture(scope="module")
def model():
    return cj.Model([cj.experiments.csi_2017()], [cj.StandardModel()])


# --- pulls integrated out ---
def integral_over_pulls(model, sin2, data=None):
    """-log of the integral of exp(-chi2/2) over both pulls, chi2 written out in NumPy."""
    e = model.experiments[NAME]
    parts = model.by_component({"sin2_theta_w": sin2})[NAME]
    signal = sum(np.asarray(c) for c in parts["signal"].values())
    backgrounds = {n: np.asarray(c) for n, c in parts["background"].items()}
    by_pull = {p.name: p for p in e.pulls}
    sig, brn = by_pull["alpha_sig_csi2017"], by_pull["alpha_brn_csi2017"]
    assert sig.components == ("signal",)
    (neutrons,) = brn.components
    observed = e.observed if data is None else data

    def half(a, b):
        mu = (1 + a) * signal + (1 + b) * backgrounds[neutrons]
        rest = sum(c for n, c in backgrounds.items() if n != neutrons)
        chi2 = np.sum((observed - mu - rest) ** 2 / e.variance)
        return 0.5 * (chi2 + (a / sig.sd) ** 2 + (b / brn.sd) ** 2)

    least = half(0.0, 0.0)
    reach = [(-9 * p.sd, 9 * p.sd) for p in (sig, brn)]
    integral, _ = integrate.nquad(lambda a, b: np.exp(least - half(a, b)), reach)
    return least - np.log(integral)


@pytest.mark.parametrize("sin2", [0.05, 0.23857, 0.8])
def test_marginal_nll_is_the_integral(model, sin2):
    expected = integral_over_pulls(model, sin2)
    assert float(model.marginal_nll({"sin2_theta_w": sin2})) == pytest.approx(expected, abs=1e-7)


def test_marginal_nll_is_not_the_profiled_one(model):
    """Pulls multiply the signal: the larger the signal, the narrower their conditional widths."""
    gaps = [
        float(model.marginal_nll({"sin2_theta_w": s}) - model.profiled_nll({"sin2_theta_w": s}))
        for s in (0.1, 0.9)
    ]
    assert gaps[1] - gaps[0] > 0.1


def test_marginal_nll_takes_data_and_maps(model):
    data = 1.3 * np.asarray(model.experiments[NAME].observed)
    expected = [integral_over_pulls(model, s, data) for s in (0.2, 0.4)]
    marginal = model.map({}, {"sin2_theta_w": np.array([0.2, 0.4])}, kind="marginal_nll", data=data)
    np.testing.assert_allclose(marginal, expected, atol=1e-7)


def test_poisson_pulls_have_no_closed_form():
    poisson = cj.analyses.coherent2021()
    with pytest.raises(InputError, match=r"no closed integral.*Poisson"):
        poisson.marginal_nll()
    with pytest.raises(InputError, match=r"no closed integral.*Poisson"):
        cj.sample(poisson, marginalise_linear=True)
    with pytest.raises(InputError, match=r"no closed integral.*Poisson"):
        cj.sample(poisson, marginalize_linear=True)
    with pytest.raises(InputError, match=r"no closed integral.*Poisson"):
        cj.grid_posterior(poisson, alpha_sig_csi2021=(-0.5, 0.5, 3))


def test_grid_of_csi_2017(model):
    """Mean and sd against brute force over pulls and the angle."""
    posterior = cj.grid_posterior(model, sin2_theta_w=(0.0, 1.0, 401))
    assert posterior["density"].integrate("sin2_theta_w") == pytest.approx(1, rel=1e-12)
    points = np.linspace(0, 0.5, 17)
    brute = np.array([integral_over_pulls(model, s) for s in points])
    weights = np.exp(-brute)
    mean = np.sum(points * weights) / np.sum(weights)
    assert posterior.attrs["mean_sin2_theta_w"] == pytest.approx(mean, abs=2e-4)
    sd = np.sqrt(np.sum((points - mean) ** 2 * weights) / np.sum(weights))
    assert posterior.attrs["sd_sin2_theta_w"] == pytest.approx(sd, rel=5e-3)
    assert posterior.attrs["cut"] == ""
    assert posterior.attrs["coarse"] == ""


# --- closed forms ---
INVERSE = np.linalg.inv([[0.04, 0.8 * 0.2 * 0.5], [0.8 * 0.2 * 0.5, 0.25]])


def plane(**options):
    """A Gaussian about (1.3, -0.4) with sd 0.2 and 0.5 and correlation 0.8."""

    def chi2(x, y):
        a, b = x - 1.3, y + 0.4
        return INVERSE[0, 0] * a**2 + 2 * INVERSE[0, 1] * a * b + INVERSE[1, 1] * b**2

    return Toy([parameter("x", **options), parameter("y")], chi2)


@pytest.fixture(scope="module")
def flat():
    return cj.grid_posterior(plane(), x=(0.0, 2.6, 161), y=(-3.4, 2.6, 151))


def test_means_and_sds(flat):
    for name, mean, sd in (("x", 1.3, 0.2), ("y", -0.4, 0.5)):
        assert flat.attrs[f"mean_{name}"] == pytest.approx(mean, abs=1e-6)
        assert flat.attrs[f"sd_{name}"] == pytest.approx(sd, rel=1e-6)


def test_marginals(flat):
    np.testing.assert_allclose(
        cj.marginal(flat, "x"), stats.norm(1.3, 0.2).pdf(flat["x"]), atol=1e-6
    )
    both = cj.marginal(flat, "y", "x")
    assert both.dims == ("y", "x")
    np.testing.assert_array_equal(both.values.T, flat["density"])
    with pytest.raises(UnknownNameError, match="zz"):
        cj.marginal(flat, "zz")


def test_evidence(flat):
    """The integral of exp(-chi2/2) over the priors, which are flat over the axes here."""
    determinant = 2 * np.pi * 0.2 * 0.5 * np.sqrt(1 - 0.8**2)
    expected = np.log(determinant / (2.6 * 6.0))
    assert flat.attrs["log_evidence"] == pytest.approx(expected, abs=1e-6)


def test_credible_intervals_of_a_gaussian(flat):
    levels = (0.6827, 0.90, 0.99)
    intervals = cj.credible_intervals(flat, "x", levels)
    for key, level in zip(intervals, levels, strict=True):
        assert float(key) == level
        np.testing.assert_allclose(
            intervals[key], [stats.norm(1.3, 0.2).interval(level)], rtol=0, atol=1e-3
        )


def test_contour_of_a_gaussian(flat):
    """The region of probability P is where chi2 < -2 log(1 - P)."""
    peak = 1 / (2 * np.pi * 0.2 * 0.5 * np.sqrt(1 - 0.8**2))
    for level in (0.5, 0.9):
        assert cj.credible_density(flat["density"], level) == pytest.approx(
            peak * (1 - level), rel=0.01
        )


def test_contour_of_a_few_points_by_hand():
    """Densities 6 to 1 hold 1.5, 2.5, 1, 0.75, 1 and 0.25 of 7 with their trapezoid weights."""
    axes = {"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0]}
    density = xr.DataArray([[1.0, 6.0], [5.0, 2.0], [3.0, 4.0]], axes, list(axes))
    heights = [cj.credible_density(density, p) for p in (0.2, 0.5, 0.58, 0.7, 0.8, 0.9, 0.97)]
    assert heights == [6, 5, 4, 4, 3, 2, 1]


def test_a_prior_multiplies_the_likelihood():
    posterior = cj.grid_posterior(
        plane(), {"x": cj.Normal(1.0, 0.3)}, {"y": -0.4}, x=(-1.0, 3.0, 401)
    )
    weight = INVERSE[0, 0] + 1 / 0.3**2
    mean = (INVERSE[0, 0] * 1.3 + 1 / 0.3**2) / weight
    assert posterior.attrs["mean_x"] == pytest.approx(mean, abs=1e-6)
    assert posterior.attrs["sd_x"] == pytest.approx(weight**-0.5, rel=1e-6)
    assert json.loads(posterior.attrs["fixed"]) == {"y": -0.4}


def test_a_constraint_counts_once():
    """The nll already contains the constraint of the nuisance."""
    table = [
        parameter("x", bounds=(-9.0, 9.0)),
        parameter("a", kind="nuisance", prior=cj.Normal(0.0, 0.5)),
    ]
    toy = Toy(table, lambda x, a: ((x - a) / 0.3) ** 2 + (a / 0.5) ** 2)
    posterior = cj.grid_posterior(toy, x=(-4.0, 4.0, 161), a=(-4.0, 4.0, 161))
    assert posterior.attrs["sd_a"] == pytest.approx(0.5, rel=1e-6)
    assert posterior.attrs["sd_x"] == pytest.approx(np.hypot(0.3, 0.5), rel=1e-6)


def test_two_peaks_are_two_intervals():
    def chi2(x):
        p = 0.5 * stats.norm(-2, 0.3).pdf(x) + 0.5 * stats.norm(2, 0.3).pdf(x)
        return -2 * np.log(p)

    toy = Toy([parameter("x", bounds=(-5.0, 5.0))], chi2)
    posterior = cj.grid_posterior(toy, x=(-5.0, 5.0, 2001))
    low, high = stats.norm(2, 0.3).interval(0.9)
    np.testing.assert_allclose(
        cj.credible_intervals(posterior, "x", (0.9,))["0.90"],
        [(-high, -low), (low, high)],
        rtol=0,
        atol=1e-3,
    )
    assert posterior.attrs["sd_x"] == pytest.approx(np.hypot(2, 0.3), rel=1e-6)


def test_uneven_and_flat_densities():
    exponential = Toy([parameter("x", default=1.0, bounds=(1e-3, 60.0))], lambda x: 2 * x)
    posterior = cj.grid_posterior(exponential, x=(1e-3, 60.0, 2000, "log"))
    assert posterior.attrs["mean_x"] == pytest.approx(1.001, rel=1e-3)
    (interval,) = cj.credible_intervals(posterior, "x", (0.9,))["0.90"]
    assert interval == pytest.approx((1e-3, 1e-3 - np.log(0.1)), rel=3e-3)
    constant = Toy([parameter("x", bounds=(0.0, 2.0))], lambda x: 0 * x)
    posterior = cj.grid_posterior(constant, x=(0.0, 2.0, 11))
    np.testing.assert_allclose(posterior["density"], 0.5)
    assert cj.credible_intervals(posterior, "x", (0.9,))["0.90"] == [(0.0, 2.0)]


def test_grids_that_cut_the_posterior_are_reported():
    cut = cj.grid_posterior(plane(), x=(1.2, 2.4, 61), y=(-4.0, 3.0, 71))
    assert cut.attrs["cut"] == "x"
    toy = plane(bounds=(1.2, 5.0), default=2.0)
    assert cj.grid_posterior(toy, x=(1.2, 3.0, 61), y=(-4.0, 3.0, 71)).attrs["cut"] == ""
    assert cj.grid_posterior(plane(), x=(0.3, 2.3, 5), y=(-4.0, 3.0, 71)).attrs["coarse"] == "x"


# --- bad input ---
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one to 3 axes"),
        ({"x": (0.0, 1.0, 1)}, "two points"),
        ({"x": (0.0, 1.0, 5), "fixed": {"x": 0.5}}, "both free and fixed"),
        ({"x": (0.0, 1.0, 5), "priors": {"y": cj.Normal(0, 1)}}, "does not vary"),
        ({"x": (0.0, 1.0, 5), "priors": {"x": cj.Uniform(4.0, 5.0)}}, "0 or not finite"),
    ],
    ids=str,
)
def test_bad_input(options, message):
    with pytest.raises(InputError, match=message):
        cj.grid_posterior(plane(), **options)


def test_nuisances_must_be_on_an_axis_or_fixed():
    table = [parameter("x", bounds=(0.0, 1.0)), parameter("a", kind="nuisance")]
    toy = Toy(table, lambda x, a: x**2 + a**2)
    with pytest.raises(InputError, match="a must be integrated over"):
        cj.grid_posterior(toy, x=(0.0, 1.0, 5))
    posterior = cj.grid_posterior(toy, fixed={"a": 0.0}, x=(0.0, 1.0, 5))
    assert json.loads(posterior.attrs["fixed"]) == {"a": 0.0}


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_bad_levels(flat, level):
    with pytest.raises(InputError, match="within"):
        cj.credible_intervals(flat, "x", (level,))
    with pytest.raises(InputError, match="within"):
        cj.credible_density(flat["density"], level)

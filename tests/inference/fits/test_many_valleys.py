"""Likelihoods with many valleys along one parameter: fits and profiles against dense scans."""

import numpy as np
import pytest
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError
from cevnsjax.parameters import Parameter

SPACING = np.pi / 5 / 4


def waves(lowest):
    """A wave of period pi/5 in x whose depth depends on y, lowest at one place of many."""
    return Toy(
        [
            parameter("x", default=1.0, bounds=(0.0, 20.0), scale=0.5, start_spacing=SPACING),
            parameter("y", default=0.0, bounds=(0.0, 2.0), scale=0.1),
        ],
        lambda x, y: 4 * y * np.sin(5 * x) ** 2 + (x - lowest) ** 2 / 50 + 3 * (y - 1.2) ** 2,
    )


@pytest.mark.parametrize(("lowest", "y"), [(0.1, 0.7), (19.9, 0.7), (7.3, None), (13.0, None)])
def test_the_lowest_of_many_valleys(lowest, y):
    model, grid = waves(lowest), np.linspace(0, 20, 200_001)
    free, fixed = (["x", "y"], {}) if y is None else (["x"], {"y": y})
    # The best y at every x in closed form.
    best = np.clip(1.2 - 2 * np.sin(5 * grid) ** 2 / 3, 0, 2) if y is None else y
    dense = np.min(model.chi2(grid, best))
    result = cj.fit(model, free, fixed=fixed)
    assert result.chi2 == pytest.approx(dense, abs=1e-6)
    assert result.chi2 <= dense + 1e-12


def test_profile_and_fit_agree():
    model = waves(7.3)
    curve = cj.profile(model, "x", free=["y"], levels=0.68)
    assert curve.chi2_min == pytest.approx(cj.fit(model, ["x", "y"]).chi2, abs=1e-9)


def test_a_profile_over_a_parameter_with_many_valleys():
    """Along y the lowest valley of x changes: chi2 against the lowest of a dense grid."""
    model, grid = waves(13.0), np.linspace(0, 20, 200_001)
    curve = cj.profile(model, "y", free=["x"], levels=0.68)
    dense = [np.min(model.chi2(grid, y)) for y in curve.x]
    np.testing.assert_allclose(curve.chi2, dense, atol=1e-6)


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan"), 1e-6])
def test_bad_spacings(spacing):
    with pytest.raises(InputError, match="start_spacing must be > 0 and at least 1/10000 of the"):
        Parameter("x", "a phase", 0.0, bounds=(0.0, 1.0), start_spacing=spacing)


def test_a_spacing_needs_bounds():
    with pytest.raises(InputError, match="range between finite bounds, got 1"):
        Parameter("x", "a phase", 0.0, start_spacing=1.0)


# --- sterile neutrinos ---
TRUTH = {"sin2_2theta": 0.6, "dm2_41": 2.0}


@pytest.fixture(scope="module")
def sterile():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.Sterile("sin2_2theta")])


# From the nearest starts alone the fits of these ended up to 0.19 and 0.86 too high.
SEEDS = [
    pytest.param(k, marks=() if k in (11, 13, 26) else pytest.mark.slow, id=f"{k}")
    for k in range(60)
]


@pytest.mark.parametrize("seed", SEEDS)
def test_fits_of_toys_against_a_dense_scan(sterile, seed):
    data, grid = sterile.toy(seed, TRUTH), np.linspace(0, 100, 4001)
    fixed = {"sin2_2theta": 0.6}
    dense = 2 * np.min(sterile.map(fixed, {"dm2_41": grid}, data=data))
    result = cj.fit(sterile, ["dm2_41"], fixed=fixed, data=data)
    # A grid in steps of 0.025 eV^2 is above its lowest minimum by less than this.
    assert dense - 0.01 < result.chi2 < dense + 1e-9
    assert result.status == "converged"


def test_profiles_of_a_toy_agree_with_its_fit(sterile):
    data, fixed = sterile.toy(11, TRUTH), {"sin2_2theta": 0.6}
    curve = cj.profile(sterile, "dm2_41", fixed=fixed, data=data, levels=0.68)
    result = cj.fit(sterile, ["dm2_41"], fixed=fixed, data=data)
    assert curve.chi2_min == pytest.approx(result.chi2, abs=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
def test_fits_with_a_free_angle_against_a_dense_scan(sterile, seed):
    data = sterile.toy(seed, TRUTH)
    s, dm2 = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 100, 2001)))
    points = {"sin2_2theta": s, "dm2_41": dm2}
    dense = 2 * np.min(sterile.map({}, points, data=data))
    assert cj.fit(sterile, list(TRUTH), data=data).chi2 < dense + 1e-9

"""Expected limits of designs against profiles of rebuilt models, closed forms and differences."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from support.designs import rebuilt

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.experiments import PlannedExperiment, csi_2017, lar_2020
from cevnsjax.inference.forecasts import traced_asimov

ANGLE, MOMENT = "sin2_theta_w", "mu_nu"
CSI, LAR = "csi-2017", "lar-2020"
DESIGN = {f"exposure.{CSI}": 3.0, f"background.{CSI}": 1.5, "sd.alpha_sig_csi2017": 0.05}
# The normal quantile of one-sided 90 %.
Z = 1.2815515655446004


def model_of(experiment, *interactions, **options):
    return cj.Model(experiment, [cj.StandardModel(), *interactions], **options)


@pytest.fixture(scope="module")
def moment():
    return model_of(csi_2017(), cj.MagneticMoment())


@pytest.fixture(scope="module")
def cell():
    """One Gaussian cell without nuisances."""
    bare = csi_2017(statistic="counting", pulls={"sig": 0, "brn": 0})
    return model_of(bare, cj.MagneticMoment())


def built_anew(model, parameter, design, *, statistical=(), level=0.90, **options):
    rebuilt_model = rebuilt(model, design, statistical=statistical)
    forecast = cj.forecast(rebuilt_model, parameter, level=level, **options)
    assert bool(forecast["converged"].all())
    return [float(forecast[end][0, 0]) for end in ("low", "high")]


def has_slopes(function, design, h=1e-3):
    """The gradient equals five-point differences."""
    slopes = jax.grad(function)(design)
    for key, x in design.items():
        near, far = (
            float(function({**design, key: x * (1 + k * h)}))
            - float(function({**design, key: x * (1 - k * h)}))
            for k in (1, 2)
        )
        expected = (8 * near - far) / (12 * h * x)
        assert float(slopes[key]) == pytest.approx(expected, rel=1e-6), key


# --- against profiles of models built anew ---
def test_a_moment_at_zero_has_the_limit_of_its_profile(moment):
    limit = cj.expected_limit(moment, MOMENT)
    _, high = built_anew(moment, MOMENT, DESIGN, side="upper")
    assert float(limit(DESIGN)) == pytest.approx(high, rel=1e-9)
    # At zero the error of the moment does not exist.
    assert math.isnan(float(cj.expected_sd(moment, MOMENT)(DESIGN)))


def test_slopes_by_exposure_background_and_width(moment):
    has_slopes(cj.expected_limit(moment, MOMENT), DESIGN)


@pytest.mark.slow
def test_a_coupling_at_fixed_mass():
    model, held = model_of(csi_2017(), cj.LightVector()), {"m_Zp": 100.0}
    limit = cj.expected_limit(model, "g_Zp", fixed=held)
    _, high = built_anew(model, "g_Zp", DESIGN, fixed=held, side="upper")
    assert float(limit(DESIGN)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, DESIGN)


@pytest.mark.slow
def test_both_ends_of_an_asymmetric_interval():
    model = model_of(csi_2017(), cj.NSI("eps_dV_ee"))
    ends = cj.expected_limit(model, "eps_dV_ee", side="both", level=0.6827)
    expected = built_anew(model, "eps_dV_ee", DESIGN, level=0.6827)
    assert_allclose(ends(DESIGN), expected, rtol=1e-9)
    for k in (0, 1):
        has_slopes(lambda d, k=k: ends(d)[k], DESIGN)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["upper", "lower"])
def test_the_weak_mixing_angle(side):
    model = cj.Model(csi_2017())
    limit = cj.expected_limit(model, ANGLE, side=side, level=0.95)
    ends = built_anew(model, ANGLE, DESIGN, side=side, level=0.95)
    assert float(limit(DESIGN)) == pytest.approx(ends[side == "upper"], rel=1e-9)
    has_slopes(limit, DESIGN | {ANGLE: 0.24, f"efficiency.{CSI}.x_0": 12.0})


@pytest.mark.slow
def test_other_unknowns_are_profiled_over(moment):
    limit = cj.expected_limit(moment, MOMENT, free=ANGLE)
    _, high = built_anew(moment, MOMENT, DESIGN, free=ANGLE, side="upper")
    assert float(limit(DESIGN)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, DESIGN)
    # Counts depend on the square of this unknown: it starts beside 0, where the slope vanishes.
    both = cj.expected_limit(moment, ANGLE, free=MOMENT, side="both")
    expected = built_anew(moment, ANGLE, DESIGN, free=MOMENT)
    assert_allclose(both(DESIGN), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_quenching_is_searched():
    model = cj.Model(csi_2017(shape="qf_scale"))
    limit = cj.expected_limit(model, ANGLE)
    design = {"exposure": 3.0, "sd.qf_scale_csi2017": 0.02, f"efficiency.{CSI}.x_0": 12.0}
    _, high = built_anew(model, ANGLE, design, side="upper")
    assert float(limit(design)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, design)


@pytest.mark.slow
def test_poisson_cells_with_a_statistical_pull():
    model, ss = cj.Model(csi_2017(statistic="time")), "alpha_ss_csi2017"
    limit = cj.expected_limit(model, ANGLE, statistical=ss)
    design = {"exposure": 3.0, ANGLE: 0.24}
    _, high = built_anew(model, ANGLE, design, statistical=ss, side="upper")
    assert float(limit(design)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, design)


@pytest.mark.slow
def test_morphs_follow_exposure_and_backgrounds():
    model = cj.Model(lar_2020(statistic="cells", signal="release"))
    limit = cj.expected_limit(model, ANGLE)
    design = {"exposure": 3.0, f"background.{LAR}": 0.5}
    _, high = built_anew(model, ANGLE, design, side="upper")
    assert float(limit(design)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, design)


@pytest.mark.slow
def test_planned_gaussian_counts_vary_by_their_mean():
    planned = PlannedExperiment(**vars(csi_2017()))
    model = cj.Model(planned)
    limit = cj.expected_limit(model, ANGLE)
    _, high = built_anew(model, ANGLE, DESIGN, side="upper")
    assert float(limit(DESIGN)) == pytest.approx(high, rel=1e-9)
    has_slopes(limit, DESIGN)


# --- closed forms ---
def test_counts_linear_in_all_unknowns_give_quantiles_of_the_normal():
    """A background's normalisation, with the other pull profiled: NumPy's 2 x 2 covariance."""
    name, pull = "alpha_brn_csi2017", "alpha_sig_csi2017"
    model = cj.Model(csi_2017(), free_pulls=[name])
    e = model.experiments[CSI]
    mean, sd_pull = model.expected({})[CSI], 0.05
    B, S = (np.asarray(model.expected({n: 1.0})[CSI] - mean) for n in (name, pull))
    prior = 1 / model.parameters[name].prior.sd ** 2

    def sd_of(exposure):
        # Counts and variances are both proportional to exposure.
        J = np.stack([B, S])
        information = exposure * (J / e.variance) @ J.T + np.diag([prior, 1 / sd_pull**2])
        return math.sqrt(np.linalg.inv(information)[0, 0])

    design = {"exposure": 2.0, f"sd.{pull}": sd_pull}
    upper = cj.expected_limit(model, name, within=(-1.0, 9.0))
    assert float(upper(design)) == pytest.approx(Z * sd_of(2.0), rel=1e-10)
    ends = cj.expected_limit(model, name, side="both", within=(-1.0, 9.0))(design)
    assert_allclose(ends, np.array([-1, 1]) * math.sqrt(delta_chi2_at(0.90)) * sd_of(2.0))
    assert math.sqrt(delta_chi2_at(0.90)) == pytest.approx(1.6448536, rel=1e-7)
    slope = float(jax.grad(upper)(design)["exposure"])
    near, far = (sd_of(2 + k * 1e-3) - sd_of(2 - k * 1e-3) for k in (1, 2))
    assert slope == pytest.approx(Z * (8 * near - far) / 12e-3, rel=1e-9)


def test_a_moment_falls_with_the_fourth_root_of_exposure(cell):
    """Gaussian counts: t (k mu^4)^2 / V = height, exactly."""
    limit = cj.expected_limit(cell, MOMENT)
    one = float(limit())
    for t in (1e-2, 16.0, 1e8):
        assert float(limit({"exposure": t})) == pytest.approx(one * t**-0.25, rel=1e-10)
    k = float(cell.expected({MOMENT: 1.0})[CSI][0] - cell.expected()[CSI][0])
    V = float(cell.experiments[CSI].variance[0])
    assert one == pytest.approx((Z**2 * V / k**2) ** 0.25, rel=1e-10)
    assert float(jax.grad(limit)({"exposure": 1.0})["exposure"]) == pytest.approx(
        -one / 4, rel=1e-9
    )


def test_poisson_counts_without_background():
    """With S the signal and y = k mu^2/S: 2 t S (y - ln(1 + y)) = height."""
    e = csi_2017(statistic="counting", pulls={"sig": 0, "brn": 0})
    empty = {n: np.zeros_like(b) for n, b in e.backgrounds.items()}
    model = model_of(replace(e, statistic="poisson", backgrounds=empty), cj.MagneticMoment())
    limit, height = cj.expected_limit(model, MOMENT, level=0.95), delta_chi2_at(0.90)
    S = float(model.expected()[CSI][0])
    k = float(model.expected({MOMENT: 1.0})[CSI][0]) - S
    for t in (0.1, 1.0, 100.0):
        y = brentq(lambda y, t=t: 2 * t * S * (y - math.log1p(y)) - height, 1e-6, 99, xtol=1e-15)
        x = math.sqrt(S * y / k)
        assert float(limit({"exposure": t})) == pytest.approx(x, rel=1e-9)
        # d/dt of the same equation.
        dy = -height / (2 * t**2 * S) * (1 + y) / y
        slope = float(jax.grad(limit)({"exposure": t})["exposure"])
        assert slope == pytest.approx(x / (2 * y) * dy, rel=1e-9)


@pytest.mark.slow
def test_a_free_pull_gives_the_limit_of_a_solved_one():
    """Newton's method on the pull against its closed form, second derivatives too."""
    one, other = (
        cj.expected_limit(cj.Model(csi_2017(), free_pulls=names), ANGLE)
        for names in ([], ["alpha_sig_csi2017"])
    )
    design = {"exposure": 2.0, "sd.alpha_sig_csi2017": 0.1}
    assert float(other(design)) == pytest.approx(float(one(design)), rel=1e-10)
    expected, computed = (jax.hessian(f)(design) for f in (one, other))
    for a in design:
        for b in design:
            assert float(computed[a][b]) == pytest.approx(float(expected[a][b]), rel=1e-6)


def test_it_is_a_pure_function_for_jit_and_vmap(cell):
    limit = cj.expected_limit(cell, ANGLE)
    factors = np.array([0.5, 2.0, 8.0])
    one_by_one = [float(limit({"exposure": f})) for f in factors]
    row = jax.vmap(lambda f: limit({"exposure": f}))(jnp.asarray(factors))
    assert_allclose(row, one_by_one, rtol=1e-12)
    assert_allclose(jax.jit(limit)({"exposure": 2.0}), one_by_one[1], rtol=1e-12)
    slope = jax.jit(jax.grad(limit))
    near, far = (
        float(slope({"exposure": 2 + h})["exposure"] - slope({"exposure": 2 - h})["exposure"])
        for h in (1e-3, 2e-3)
    )
    curvature = float(jax.hessian(limit)({"exposure": 2.0})["exposure"]["exposure"])
    assert curvature == pytest.approx((8 * near - far) / 12e-3, rel=1e-6)


# --- ends of the range ---
def test_an_interval_ends_at_a_physical_bound(cell):
    ends = cj.expected_limit(cell, MOMENT, side="both")
    assert float(ends()[0]) == 0
    assert float(jax.grad(lambda d: ends(d)[0])({"exposure": 1.0})["exposure"]) == 0


def test_no_limit_within_the_range(cell):
    limit = cj.expected_limit(cell, MOMENT, within=(0.0, 5.0))
    message = r"no upper limit on mu_nu at 0.9 within \[0, 5\]"
    with pytest.raises(InputError, match=message):
        limit()
    assert math.isnan(float(jax.jit(limit)({"exposure": 1.0})))
    assert float(limit({"exposure": 1e6})) < 5
    # A design may move the truth out of the range.
    with pytest.raises(InputError, match=message):
        limit({"exposure": 1e6, MOMENT: 60.0})


# --- bad input ---
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": 1.0}, InputError, "must lie within"),
        ({"level": 0.0}, InputError, "must lie within"),
        ({"level": 0.4}, InputError, r"levels above 0.5, got \[0.4\]"),
        ({"side": "high"}, UnknownNameError, "unknown side 'high'"),
        ({"within": (0.0, math.nan)}, InputError, "mu_nu is nan"),
        ({"within": (5.0, 9.0)}, InputError, "does not hold the true mu_nu = 0"),
        ({"within": (0.0, 0.0)}, InputError, "does not hold"),
        ({"within": (-1.0, 5.0)}, InputError, "outside its bounds"),
        ({"free": MOMENT}, InputError, "both free and what is scanned"),
        ({"truth": {"nothing": 1.0}}, UnknownNameError, "unknown parameter 'nothing'"),
        ({"statistical": "sin2"}, UnknownNameError, "unknown parameter 'sin2'"),
    ],
    ids=lambda x: "-".join(f"{k}_{v}" for k, v in x.items()) if isinstance(x, dict) else "",
)
def test_bad_options(cell, options, error, message):
    with pytest.raises(error, match=message):
        cj.expected_limit(cell, MOMENT, **options)


def test_bad_designs_and_names(cell):
    limit = cj.expected_limit(cell, MOMENT)
    with pytest.raises(UnknownNameError, match="unknown design key 'exposre'"):
        limit({"exposre": 1.0})
    with pytest.raises(InputError, match="exposure must be > 0"):
        limit({"exposure": 0.0})
    with pytest.raises(UnknownNameError, match="unknown parameter 'mu'"):
        cj.expected_limit(cell, "mu")


def test_a_search_that_fails_gives_no_limit(monkeypatch):
    """The nuisances of the Asimov data are never near enough: no limit, and not a wrong one."""
    monkeypatch.setattr(traced_asimov, "largest_distance", lambda dtype: -1.0)  # noqa: ARG005
    options = {"free": "R_n_I", "statistical": "alpha_sig_csi2017"}
    limit = cj.expected_limit(model_of(csi_2017()), ANGLE, **options)
    with pytest.raises(InputError, match="or its nuisances were not found"):
        limit()
    assert np.isnan(jax.jit(limit)({"exposure": 1.0}))

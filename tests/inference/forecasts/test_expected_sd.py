"""Expected errors of designs against rebuilt models, differences, closed forms, brute force."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose
from support.designs import rebuilt

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import PlannedExperiment, csi_2017, csi_2021, lar_2020
from cevnsjax.inference.forecasts.traced_design import redesigned

PARAMETER = "sin2_theta_w"
CSI, LAR = "csi-2017", "lar-2020"


@pytest.fixture(scope="module")
def csi():
    return cj.Model(csi_2017())


@pytest.fixture(scope="module")
def sd(csi):
    return cj.expected_sd(csi, PARAMETER)


def rebuilt_sd(model, design, **options):
    return cj.fisher(rebuilt(model, design, **options), PARAMETER).errors[PARAMETER]


def differences(function, design, h=1e-3):
    """Five-point differences of a function of a design."""
    out = {}
    for key, x in design.items():
        near, far = (
            float(function({**design, key: x * (1 + k * h)}))
            - float(function({**design, key: x * (1 - k * h)}))
            for k in (1, 2)
        )
        out[key] = (8 * near - far) / (12 * h * x)
    return out


def agrees(model, function, design, **options):
    """The function equals that of a rebuilt model, its gradient equals finite differences."""
    expected = rebuilt_sd(model, design, **options)
    assert float(function(design)) == pytest.approx(expected, rel=1e-10)
    model_of_design = redesigned(model, design, **options)
    again = cj.fisher(model_of_design, PARAMETER).errors[PARAMETER]
    assert again == pytest.approx(expected, rel=1e-10)
    slopes = jax.grad(function)(design)
    for key, slope in differences(function, design).items():
        assert float(slopes[key]) == pytest.approx(slope, rel=1e-6), key


# --- against models built anew ---
def test_an_unchanged_design_has_the_error_of_fisher(csi, sd):
    assert float(sd()) == pytest.approx(cj.fisher(csi, PARAMETER).errors[PARAMETER], rel=1e-12)
    assert float(sd({"exposure": 1.0})) == pytest.approx(float(sd()), rel=1e-14)


def test_exposure_background_and_constraints(csi, sd):
    design = {
        f"exposure.{CSI}": 3.0,
        f"background.{CSI}": 1.5,
        "sd.alpha_sig_csi2017": 0.05,
        "sd.alpha_brn_csi2017": 0.5,
    }
    agrees(csi, sd, design)


def test_true_values_and_the_threshold(csi, sd):
    agrees(csi, sd, {f"efficiency.{CSI}.x_0": 12.0, "R_n_Cs": 5.2, "exposure": 2.0})


@pytest.mark.slow
@pytest.mark.parametrize("smearing", [None, "poisson"], ids=str)
def test_quenching_and_efficiency_move_the_response_together(smearing):
    model = cj.Model(csi_2017(shape="qf_scale", smearing=smearing))
    design = {
        f"efficiency.{CSI}.x_0": 12.0,
        f"efficiency.{CSI}.k": 0.5,
        "sd.qf_scale_csi2017": 0.02,
        "qf_scale_csi2017": 1.03,
    }
    agrees(model, cj.expected_sd(model, PARAMETER), design)


@pytest.mark.slow
def test_poisson_cells_with_a_statistical_pull():
    model, ss = cj.Model(csi_2017(statistic="time")), "alpha_ss_csi2017"
    function = cj.expected_sd(model, PARAMETER, statistical=ss)
    agrees(model, function, {"exposure": 4.0, f"background.{CSI}": 1.5}, statistical=ss)


@pytest.mark.slow
def test_morphs_follow_exposure_and_their_widths():
    model = cj.Model(lar_2020(statistic="cells", signal="release"))
    function = cj.expected_sd(model, PARAMETER)
    width = next(n for n in model.parameters if "brn" in n and model.parameters[n].prior)
    agrees(model, function, {"exposure": 3.0, f"background.{LAR}": 0.5, f"sd.{width}": 0.3})


def test_planned_gaussian_counts_vary_by_their_mean():
    planned = PlannedExperiment(**vars(csi_2017(statistic="counting", pulls={"sig": 0, "brn": 0})))
    model = cj.Model(planned)
    function = cj.expected_sd(model, PARAMETER)
    mu = float(model.expected()[CSI][0])
    h = 1e-4
    up, down = (
        float(model.expected({PARAMETER: model.parameters[PARAMETER].default + s})[CSI][0])
        for s in (h, -h)
    )
    assert float(function()) == pytest.approx(math.sqrt(mu) / ((up - down) / (2 * h)), rel=1e-6)
    assert float(function({"exposure": 4.0})) == pytest.approx(float(function()) / 2, rel=1e-12)


# --- closed forms ---
def test_scaling_laws(sd):
    bare = cj.expected_sd(cj.Model(csi_2017(pulls={"sig": 0, "brn": 0})), PARAMETER)
    tight_widths = {"sd.alpha_sig_csi2017": 1e-7, "sd.alpha_brn_csi2017": 1e-7}
    one = float(bare())
    assert float(bare({"exposure": 100.0})) == pytest.approx(one / 10, rel=1e-12)
    # d sd/d exposure = -sd/2 for pure statistics.
    assert float(jax.grad(bare)({"exposure": 1.0})["exposure"]) == pytest.approx(-one / 2, rel=1e-9)
    assert float(sd(tight_widths)) == pytest.approx(one, rel=1e-9)


def test_it_is_a_pure_function_for_jit_and_vmap(sd):
    factors = np.array([0.5, 1.0, 2.0, 8.0])
    row = jax.vmap(lambda f: sd({"exposure": f}))(jnp.asarray(factors))
    one_by_one = [float(sd({"exposure": f})) for f in factors]
    assert_allclose(row, one_by_one, rtol=1e-13)
    assert_allclose(jax.jit(sd)({"exposure": 2.0}), one_by_one[2], rtol=1e-13)
    curvature = jax.hessian(sd)({"exposure": 2.0})["exposure"]["exposure"]
    slope = jax.grad(sd)
    up, down = (float(slope({"exposure": 2.0 + h})["exposure"]) for h in (1e-4, -1e-4))
    assert float(curvature) == pytest.approx((up - down) / 2e-4, rel=1e-6)


# --- an optimum ---
@pytest.mark.slow
def test_a_budget_is_shared_as_a_brute_force_scan_shares_it():
    """CsI at 1 and argon at 0.5 cost units for today's mass, 20 units in all."""
    model = cj.Model([csi_2017(), lar_2020()])
    sd, budget, cost = cj.expected_sd(model, PARAMETER), 20.0, {CSI: 1.0, LAR: 0.5}

    def loss(logit):
        share = jax.nn.sigmoid(logit)
        factors = {CSI: share * budget / cost[CSI], LAR: (1 - share) * budget / cost[LAR]}
        return sd({f"exposure.{name}": f for name, f in factors.items()})

    optimizer = optax.adam(0.1)
    logit = jnp.asarray(0.0)
    state = optimizer.init(logit)
    descend = jax.jit(jax.value_and_grad(loss))
    # optax mixes integers and floats, which strict promotion would refuse.
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(300):
            _, slope = descend(logit)
            move, state = optimizer.update(slope, state)
            logit = optax.apply_updates(logit, move)
    shares = np.linspace(0.001, 0.999, 999)
    logits = np.log(shares / (1 - shares))
    scanned = np.asarray(jax.vmap(loss)(jnp.asarray(logits)))
    best = int(np.argmin(scanned))
    assert 0 < best < 998
    assert float(jax.nn.sigmoid(logit)) == pytest.approx(shares[best], abs=2e-3)
    assert float(loss(logit)) <= scanned[best] * (1 + 1e-9)


# --- bad input ---
@pytest.mark.parametrize(
    ("design", "error", "message"),
    [
        ({"exposure": 0.0}, InputError, "exposure must be > 0, got 0.0"),
        ({"exposure": math.nan}, InputError, "exposure must be > 0"),
        ({"exposure": "two"}, InputError, "must be a number, got 'two'"),
        ({"exposure.csi2017": 1.0}, UnknownNameError, "did you mean csi-2017"),
        ({"exposre": 1.0}, UnknownNameError, "unknown design key 'exposre'"),
        ({"background": 1.0}, UnknownNameError, "unknown experiment ''"),
        ({f"background.{CSI}": -1.0}, InputError, ">= 0, got -1.0"),
        ({"sd.alpha_sig_csi2017": 0.0}, InputError, "must be > 0"),
        ({"sd.R_n_Cs": 0.1}, InputError, "no constraint"),
        ({"sd.nothing": 0.1}, UnknownNameError, "unknown parameter 'nothing'"),
        ({f"efficiency.{CSI}.x_1": 1.0}, UnknownNameError, "number of the efficiency"),
        ({"R_n_Cs": -1.0}, InputError, "outside its bounds"),
    ],
    ids=lambda x: next(iter(x)) + f"-{next(iter(x.values()))}" if isinstance(x, dict) else "",
)
def test_bad_designs(csi, sd, design, error, message):
    with pytest.raises(error, match=message):
        sd(design)
    with pytest.raises(error, match=message):
        redesigned(csi, design)


def test_steps_of_an_efficiency_cannot_be_designed():
    model = cj.Model(lar_2020(threshold_kevee=1.75))
    with pytest.raises(InputError, match="threshold moves a step or kink"):
        redesigned(model, {f"efficiency.{LAR}.threshold": 2.0})


@pytest.mark.parametrize("smearing", [None, "gaussian"])
def test_turn_ons_as_good_as_steps_cannot_be_designed(smearing):
    """Panels and sub-cells follow a turn-on where it is, not where a design moves it."""
    experiment = csi_2017(smearing=smearing)
    steep = replace(experiment.detector.efficiency, k=1e3)
    model = cj.Model(replace(experiment, detector=replace(experiment.detector, efficiency=steep)))
    with pytest.raises(InputError, match="moves a turn-on of the efficiency that is as good as"):
        redesigned(model, {f"efficiency.{CSI}.x_0": 12.0})


@pytest.mark.parametrize("smearing", [None, "gaussian"])
def test_a_design_does_not_make_a_turn_on_a_step(smearing):
    """What is accepted agrees with a model that is built with it."""
    experiment = csi_2017(smearing=smearing)
    model, key = cj.Model(experiment), f"efficiency.{CSI}.k"
    for k in (1e2, 1e4):
        with pytest.raises(InputError, match=f"{key} = {k:g} makes a turn-on .* as good as a step"):
            redesigned(model, {key: k})
    moved = replace(experiment.detector.efficiency, k=1.0)
    built = cj.Model(replace(experiment, detector=replace(experiment.detector, efficiency=moved)))
    counts = np.asarray(built.expected()[CSI])
    np.testing.assert_allclose(
        redesigned(model, {key: 1.0}).expected()[CSI], counts, rtol=0, atol=1e-6 * counts.max()
    )


def test_morphs_of_the_response_hold_their_efficiency():
    with pytest.raises(InputError, match="with its option morphs"):
        redesigned(cj.Model(csi_2021()), {"efficiency.csi-2021.x_0": 10.0})


def test_bad_models_and_parameters(csi):
    with pytest.raises(UnknownNameError, match="unknown parameter 'sin2'"):
        cj.expected_sd(csi, "sin2")
    with pytest.raises(InputError, match="both free and fixed"):
        cj.expected_sd(csi, PARAMETER, fixed={PARAMETER: 0.2})
    both = cj.Model([csi_2017(split_flux=True), lar_2020(split_flux=True)])
    with pytest.raises(InputError, match="belongs to csi-2017 and lar-2020"):
        cj.expected_sd(both, PARAMETER, statistical="alpha_flux_sns")

"""Functions of a Model under jax transformations and with other data; how often jax traces them."""

from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import helpers

from cevnsjax.experiments import csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model import evaluate
from cevnsjax.model.model import Model

SIG = "alpha_sig_csi2017"
VALUES = {"sin2_theta_w": 0.3, "R_n_Cs": 5.5, SIG: 0.1}


@pytest.fixture(scope="module")
def model():
    return Model(csi_2017())


def _traced(values=VALUES):
    return {n: jnp.float64(v) for n, v in values.items()}


def _numpy_chi2(model, values, data=None):
    """chi2 of the full likelihood in NumPy from the model's own counts (oracle-tested)."""
    (experiment,) = model.experiments.values()
    signal = sum(helpers.signal(model, values).values())
    mu = signal * (1 + values.get(SIG, 0)) + experiment.backgrounds["prompt_neutrons"]
    observed = experiment.observed if data is None else data
    penalty = (values.get(SIG, 0) / 0.128) ** 2
    return np.sum((observed - mu) ** 2 / experiment.variance) + penalty


def test_nll_is_half_chi2(model):
    assert 2 * float(model.nll(VALUES)) == pytest.approx(_numpy_chi2(model, VALUES), rel=1e-12)
    assert model.nll().shape == ()
    assert model.nll().dtype == jnp.float64


def test_expected_and_components(model):
    parts = model.by_component(VALUES)["csi-2017"]
    assert set(parts["signal"]) == set(helpers.SOURCES)
    expected = 1.1 * sum(parts["signal"].values()) + parts["background"]["prompt_neutrons"]
    np.testing.assert_allclose(model.expected(VALUES)["csi-2017"], expected, rtol=1e-14)


def test_ints_and_numpy_scalars_are_cast(model):
    expected = float(model.nll({"R_n_Cs": 5.0}))
    for five in (5, np.float32(5), np.float64(5), np.int64(5), jnp.float32(5), np.array(5.0)):
        assert float(model.nll({"R_n_Cs": five})) == expected


def test_jit(model):
    for kind in (model.nll, model.profiled_nll):
        assert float(jax.jit(kind)(_traced())) == pytest.approx(float(kind(VALUES)), rel=1e-13)
    counts = jax.jit(model.expected)(_traced())["csi-2017"]
    np.testing.assert_allclose(counts, model.expected(VALUES)["csi-2017"], rtol=1e-13)


def test_vmap(model):
    grid = {"sin2_theta_w": np.linspace(0.1, 0.4, 7), "R_n_Cs": np.linspace(4.0, 6.0, 7)}
    for kind in (model.nll, model.profiled_nll):
        batch = jax.vmap(kind)(grid)
        one_by_one = [float(kind({n: x[i] for n, x in grid.items()})) for i in range(7)]
        np.testing.assert_allclose(batch, one_by_one, rtol=1e-12)


def test_grad_and_hessian(model):
    """chi2 is a parabola in the pull: its gradient and curvature have a closed form."""
    (experiment,) = model.experiments.values()
    signal = sum(helpers.signal(model, VALUES).values())
    residual = experiment.observed - experiment.backgrounds["prompt_neutrons"] - 1.1 * signal
    slope = -np.sum(residual * signal / experiment.variance) + 0.1 / 0.128**2
    curvature = np.sum(signal**2 / experiment.variance) + 1 / 0.128**2
    gradient, hessian = (f(model.nll)(_traced()) for f in (jax.grad, jax.hessian))
    assert set(gradient) == set(hessian) == set(VALUES)
    assert float(gradient[SIG]) == pytest.approx(slope, rel=1e-11)
    assert float(hessian[SIG][SIG]) == pytest.approx(curvature, rel=1e-11)
    _, compiled = model.value_and_grad(VALUES, profiled=False)
    for n in VALUES:
        assert float(compiled[n]) == pytest.approx(float(gradient[n]), rel=1e-11)
    order = list(VALUES)
    matrix = [[float(hessian[a][b]) for b in order] for a in order]
    np.testing.assert_allclose(model.hessian(VALUES, profiled=False), matrix, rtol=1e-10)


def test_data_replaced_by_array_dict_and_tracer(model):
    data = np.arange(12.0)
    expected = _numpy_chi2(model, VALUES, data) / 2
    forms = [
        data,
        data.tolist(),
        jnp.asarray(data),
        {"csi-2017": data},
        {"csi-2017": data.astype(int)},
    ]
    for form in forms:
        assert float(model.nll(VALUES, data=form)) == pytest.approx(expected, rel=1e-12)
    function = jax.jit(lambda v, d: model.nll(v, data=d))
    assert float(function(_traced(), data)) == pytest.approx(expected, rel=1e-12)
    assert float(model.nll(VALUES, data={})) == float(model.nll(VALUES))
    with_data = Model(csi_2017().with_data(data))
    assert float(with_data.nll(VALUES)) == pytest.approx(expected, rel=1e-12)


def test_data_of_one_of_two_experiments():
    twin = replace(csi_2017(), name="twin")
    model, data = Model([csi_2017(), twin]), np.arange(12.0)
    both = float(model.nll(VALUES, data={"twin": data}))
    penalty = (0.1 / 0.128) ** 2
    chi2 = _numpy_chi2(Model(csi_2017()), VALUES) + _numpy_chi2(Model(csi_2017()), VALUES, data)
    assert 2 * both == pytest.approx(chi2 - penalty, rel=1e-12)


def test_toys_are_a_vmap_over_data(model):
    toys = np.random.default_rng(1).normal(csi_2017().observed, 5.0, (9, 12))
    batch = jax.vmap(lambda d: model.profiled_nll(VALUES, data=d))(toys)
    one_by_one = [float(model.profiled_nll(VALUES, data=d)) for d in toys]
    np.testing.assert_allclose(batch, one_by_one, rtol=1e-12)


def test_asimov_data_have_no_chi2(model):
    asimov = model.expected()["csi-2017"]
    assert float(model.profiled_nll(data=asimov)) == pytest.approx(0.0, abs=1e-20)


def test_map_is_a_loop(model):
    points = {"sin2_theta_w": np.linspace(0.1, 0.4, 21)}
    mapped = model.map({"R_n_I": 4.5}, points, batch_size=4)
    expected = [
        float(model.profiled_nll({"R_n_I": 4.5, "sin2_theta_w": x})) for x in points["sin2_theta_w"]
    ]
    np.testing.assert_allclose(mapped, expected, rtol=1e-12)


def test_defaults_of_the_model():
    moved = Model(csi_2017(), defaults={"sin2_theta_w": 0.3})
    assert moved.parameters["sin2_theta_w"].default == 0.3
    assert float(moved.nll()) == float(Model(csi_2017()).nll({"sin2_theta_w": 0.3}))


def test_functions_are_stored_and_named(model):
    assert model.nll is model.nll
    assert hash(model.nll) == hash(model.nll)
    assert model.nll.__name__ == "nll"
    assert "chi2 = 2 nll" in model.nll.__doc__
    assert repr(model).startswith("Model csi-2017 (float64), parameters:\n")


@pytest.fixture
def traces(monkeypatch):
    """Counter of how often jax traces each kind of function."""
    count = Counter()

    def counted(kind, function):
        def traced(*args):
            count[kind] += 1
            return function(*args)

        return traced

    kinds = {kind: counted(kind, f) for kind, f in evaluate.KINDS.items()}
    monkeypatch.setattr(evaluate, "KINDS", kinds)
    return count


def _fresh(nodes, couplings="erler_su", **options):
    """A model whose structure no other test has compiled: its number of nodes is unique."""
    return Model(csi_2017(nodes=nodes, **options), [StandardModel(couplings)])


def test_one_compilation_serves_all(traces):
    """Other data, values in any order, masses, pull widths and windows need no compilation."""
    model = _fresh(7)
    model.profiled_nll()
    asimov = model.expected()["csi-2017"]
    model.profiled_nll(data=asimov)
    model.profiled_nll(data=np.zeros(12))
    model.profiled_nll({"R_n_Cs": 5.0, "sin2_theta_w": 0.2})
    model.profiled_nll({"sin2_theta_w": 0.2, "R_n_Cs": 5.0})
    model.profiled_nll({SIG: 3})
    _fresh(7).profiled_nll()
    for options in ({"mass_kg": 1.0}, {"pulls": {"sig": 0.3}}, {"window_us": (0.0, 12.0)}):
        _fresh(7, **options).profiled_nll()
    Model(csi_2017(nodes=7), defaults={"R_n_I": 4.0}).profiled_nll()
    assert traces["profiled_nll"] == 1


def test_other_couplings_cost_one_more(traces):
    for couplings in ("erler_su", "tree", "tree", "erler_su"):
        _fresh(8, couplings).nll()
    assert traces["nll"] == 2


def test_toys_cost_one_trace_for_any_number(traces):
    model = _fresh(9)
    toys = np.random.default_rng(1).normal(20.0, 5.0, (64, 12))
    function = jax.jit(jax.vmap(lambda d: model.profiled_nll(data=d)))
    function(toys)
    function(toys + 1)
    assert traces["profiled_nll"] == 1
    function(toys[:10])
    assert traces["profiled_nll"] <= 2


def test_derivatives_trace_once(traces):
    model = _fresh(11)
    for s2 in (0.2, 0.25):
        model.value_and_grad({"sin2_theta_w": s2})
        model.value_and_grad({"sin2_theta_w": s2, "R_n_I": 4.0}, names=["sin2_theta_w"])
    assert traces["profiled_nll"] == 1
    model.hessian({"sin2_theta_w": 0.2})
    model.hessian({"sin2_theta_w": 0.3}, data=np.ones(12))
    assert traces["profiled_nll"] <= 4


def test_a_users_jit_traces_once(traces):
    model = _fresh(12)
    function = jax.jit(model.nll)
    for s2 in (0.2, 0.3, 0.4):
        function({"sin2_theta_w": jnp.float64(s2)})
    assert traces["nll"] == 1

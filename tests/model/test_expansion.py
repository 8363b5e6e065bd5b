"""Expansions against jax's own gradient and Hessian of the profile and against differences.

All comparisons are in units of each parameter's scale, relative to at least one unit of nll.
"""

from dataclasses import replace
from functools import cache
from itertools import product

import jax
import numpy as np
import pytest

from cevnsjax import Pull, analyses
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.experiments.systematics import Pull as Pulled
from cevnsjax.interactions import NSI, StandardModel
from cevnsjax.model import Model
from cevnsjax.model.expansion import profiled, signals

SIG, QF = "alpha_sig_csi2017", "qf_scale_csi2017"
PLAIN = ("sin2_theta_w", "R_n_Cs", "eps_dV_ee")
# Points inside the bounds, one of them at a symmetry point of a parameter, and points on bounds.
INSIDE = [(0.31, 5.3, 0.1), (0.22, 4.1, -0.4), (0.23, 5.0, 0.0)]
EDGES = [(0.0, 5.2, 0.2), (1.0, 0.0, 0.1), (0.24, 12.0, -1.0)]
CASES = {
    "gaussian": (PLAIN, [*INSIDE, *EDGES]),
    "searched": (("R_n_I", SIG), [(5.0, 0.1), (12.0, -1.0), (4.0, 2.5)]),
    "time": (PLAIN, [*INSIDE, *EDGES]),
    "joint": (PLAIN, [*INSIDE, *EDGES]),
    "csi 2021": (PLAIN[:2], [(0.31, 5.3), (0.22, 4.4), (0.0, 5.2), (0.24, 12.0)]),
    "moving nodes": (
        ("sin2_theta_w", QF, "R_n_Cs"),
        # Second derivatives jump where a node passes a bin edge; these stencils avoid such places.
        [(0.25, 1.02, 5.1), (0.2, 0.8, 4.5), (0.0, 1.2, 6.0), (0.25, 3.0, 5.1)],
    ),
}
QUICK = ("gaussian", "searched")
POISSON = ("time", "csi 2021")
EVERY = [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES]


@cache
def model(case):
    theory = [StandardModel(), NSI("eps_dV_ee")]
    build = {
        "gaussian": lambda: Model(csi_2017(), theory),
        "searched": lambda: Model(csi_2017(), free_pulls=[SIG]),
        "time": lambda: Model(csi_2017(statistic="time"), theory),
        "joint": lambda: Model([csi_2017(split_flux=True), lar_2020(split_flux=True)], theory),
        "csi 2021": lambda: Model(csi_2021()),
        "moving nodes": lambda: analyses.picciau2020("csi"),
    }
    return build[case]()


def scales(case):
    return np.array([model(case).parameters[n].scale for n in CASES[case][0]])


@cache
def expanded(case):
    """The expansion at all points of a case in one call, in units of the scales."""
    names, points = CASES[case]
    return model(case).expand({}, columns(names, points))


def columns(names, points):
    return dict(zip(names, np.array(points).T, strict=True))


def values_of(case, i):
    names, points = CASES[case]
    return dict(zip(names, points[i], strict=True))


def near(got, expected, rtol):
    """Every entry agrees within rtol times the larger of its size and 1."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    np.testing.assert_array_less(np.abs(got - expected) / np.maximum(1, np.abs(expected)), rtol)


@pytest.mark.parametrize("case", EVERY)
def test_value_gradient_and_hessian_are_those_of_the_profile(case):
    names, points = CASES[case]
    expansion, scale, m = expanded(case), scales(case), model(case)
    for i in range(len(points)):
        values = values_of(case, i)
        near(expansion.value[i], m.profiled_nll(values), 1e-11)
        value, slopes = m.value_and_grad(values, names=names)
        near(expansion.value[i], value, 1e-11)
        near(expansion.gradient[i] * scale, np.array([slopes[n] for n in names]) * scale, 1e-9)
        units = np.outer(scale, scale)
        near(expansion.hessian[i] * units, m.hessian(values, names=names) * units, 1e-9)


@pytest.mark.parametrize("case", EVERY)
def test_full_hessian_pulls_and_distance_are_those_of_the_model(case):
    names, points = CASES[case]
    expansion, m = expanded(case), model(case)
    for i in range(len(points)):
        values = values_of(case, i)
        best = {n: float(a) for n, a in m.best_pulls(values).items()}
        assert {n: x[i] for n, x in expansion.pulls.items()} == pytest.approx(best, rel=0, abs=1e-9)
        exact = case not in POISSON
        near(expansion.distance[i], 0.0 if exact else m.solver_distance(values), 1e-9)
        every = (*names, *expansion.pulls)
        scale = np.array([m.parameters[n].scale for n in every])
        expected = m.hessian({**values, **best}, names=every, profiled=False)
        near(expansion.full[i] * np.outer(scale, scale), expected * np.outer(scale, scale), 1e-9)


@pytest.mark.parametrize("case", ["gaussian", pytest.param("csi 2021", marks=pytest.mark.slow)])
def test_response_of_the_pulls_against_differences(case):
    names, points = CASES[case]
    expansion, m, scale = expanded(case), model(case), scales(case)
    for i, k in product(range(2), range(len(names))):
        ends = []
        for side in (-1, 1):
            moved = values_of(case, i) | {names[k]: points[i][k] + side * 1e-3 * scale[k]}
            ends.append(np.array([float(a) for a in m.best_pulls(moved).values()]))
        difference = (ends[1] - ends[0]) / 2e-3
        order = [list(expansion.pulls).index(n) for n in m.best_pulls(values_of(case, i))]
        near(expansion.response[i][order, k] * scale[k], difference, 1e-5)


def stencil(z, low, high, h):
    """Offsets within the bounds, and weights of first and second derivative of unit steps."""
    first = -3 if low <= z - 3 * h and z + 3 * h <= high else 0 if z + 6 * h <= high else -6
    offsets = np.arange(first, first + 7)
    powers = np.vander(offsets.astype(float), increasing=True).T
    unit = np.eye(7)
    return offsets, np.linalg.solve(powers, unit[1]), 2 * np.linalg.solve(powers, unit[2])


def differences(case, point, h=0.05):
    """Gradient and Hessian in scales by differences of the values that ``Model.map`` gives."""
    m, names = model(case), CASES[case][0]
    scale = scales(case)
    bounds = np.array([m.parameters[n].bounds for n in names]) / scale[:, None]
    z, n = np.array(point) / scale, len(names)
    rules = [stencil(x, *ends, h) for x, ends in zip(z, bounds, strict=True)]
    weighted = []
    for i in range(n):
        weighted += [({i: a}, ("g", i), w / h) for a, w in zip(*rules[i][:2], strict=True)]
        weighted += [({i: a}, ("h", i, i), w / h**2) for a, w in zip(*rules[i][::2], strict=True)]
        for j in range(i):
            pairs = product(*(zip(*rules[k][:2], strict=True) for k in (i, j)))
            weighted += [({i: a, j: b}, ("h", i, j), v * w / h**2) for (a, v), (b, w) in pairs]
    at = np.array([[x + h * steps.get(k, 0) for k, x in enumerate(z)] for steps, *_ in weighted])
    at = np.clip(at, bounds[:, 0], bounds[:, 1]) * scale
    values = np.asarray(m.map({}, columns(names, at)))
    gradient, hessian = np.zeros(n), np.zeros((n, n))
    for value, (_, (kind, *place), weight) in zip(values, weighted, strict=True):
        out = gradient if kind == "g" else hessian
        out[tuple(place)] += weight * value
    return gradient, hessian + np.tril(hessian, -1).T


@pytest.mark.parametrize("case", EVERY)
def test_derivatives_against_differences_inside_and_on_bounds(case):
    expansion, scale = expanded(case), scales(case)
    for i, point in enumerate(CASES[case][1]):
        gradient, hessian = differences(case, point)
        near(expansion.gradient[i] * scale, gradient, 1e-5)
        near(expansion.hessian[i] * np.outer(scale, scale), hessian, 1e-4)


def test_many_points_equal_one_by_one():
    """The points fill more than one block, and the last block in part."""
    rng, m = np.random.default_rng(5), model("gaussian")
    points = rng.uniform((0, 2, -1), (1, 9, 1), (19, 3))
    together = m.expand({}, columns(PLAIN, points))
    assert together.value.shape == (19,)
    for i, point in enumerate(points):
        alone = m.expand({}, columns(PLAIN, point[None]))
        for joined, one in zip(together, alone, strict=True):
            if isinstance(joined, dict):
                assert {n: x[i] for n, x in joined.items()} == {n: x[0] for n, x in one.items()}
            else:
                np.testing.assert_array_equal(joined[i], one[0])


def test_any_order_of_names_is_one_program():
    in_order = expanded("gaussian")
    compiled = signals._near._cache_size()
    points = dict(zip(PLAIN, np.array(CASES["gaussian"][1]).T, strict=True))
    order = [2, 0, 1]
    again = model("gaussian").expand({}, {PLAIN[k]: points[PLAIN[k]] for k in order})
    assert signals._near._cache_size() == compiled
    np.testing.assert_array_equal(again.value, in_order.value)
    np.testing.assert_array_equal(again.gradient, in_order.gradient[:, order])
    np.testing.assert_array_equal(again.hessian, in_order.hessian[:, order][:, :, order])
    every = [*order, 3, 4]
    np.testing.assert_array_equal(again.full, in_order.full[:, every][:, :, every])


def test_equal_experiments_share_a_program():
    """Three experiments that differ by name are one program; the value is the model's own."""
    m = Model([replace(csi_2017(), name=f"detector {k}") for k in range(3)])
    before = signals._near._cache_size()
    expansion = m.expand({}, {"sin2_theta_w": [0.24, 0.3], "R_n_I": [4.9, 5.4]})
    assert signals._near._cache_size() <= before + 1
    near(expansion.value[1], m.profiled_nll({"sin2_theta_w": 0.3, "R_n_I": 5.4}), 1e-11)


# Half of the cells empty, the rest with five times the counts; and the cells in reverse.
STRANGE = {
    "scarce": lambda n: np.where(np.random.default_rng(0).uniform(size=n.size) < 0.5, 0.0, 5 * n),
    "reversed": lambda n: n[::-1].copy(),
}


@pytest.mark.slow
@pytest.mark.parametrize("data", STRANGE)
def test_bent_templates_and_free_pulls(data):
    """Morphs far outside their constraints bend cells that would be negative; a lognormal and a
    normal pull are parameters. Derivatives are those that jax finds in its own search."""
    pulls = {"brn": Pull(0.25, kind="lognormal")}
    free = {"alpha_brn_csi2021": [0.3, -1.2], "alpha_sig_csi2021": [0.2, -0.4]}
    m = Model(csi_2021(pulls=pulls), [StandardModel(), NSI("eps_uV_ee")], free_pulls=list(free))
    counts = STRANGE[data](np.asarray(m.observed[0]))
    points = {"sin2_theta_w": [0.22, 0.31], "eps_uV_ee": [0.1, -0.3], **free}
    expansion = m.expand({}, points, data=counts)
    assert max(np.max(np.abs(x)) for x in expansion.pulls.values()) > 5
    scale = np.array([m.parameters[n].scale for n in points])
    units = np.outer(scale, scale)
    for i in range(2):
        values = {n: x[i] for n, x in points.items()}
        value, slopes = m.value_and_grad(values, data=counts)
        near(expansion.value[i], value, 1e-11)
        near(expansion.gradient[i] * scale, np.array([slopes[n] for n in points]) * scale, 1e-9)
        expected = m.hessian(values, data=counts) * units
        largest = np.max(np.abs(expected))
        near(expansion.hessian[i] * units / largest, expected / largest, 1e-9)
        pulls = np.array([[x[i] for x in expansion.pulls.values()]])
        again = m.expand({}, {n: [x] for n, x in values.items()}, data=counts, near=pulls)
        near(again.value[0], value, 1e-11)


def test_free_and_solved_pulls_of_both_kinds():
    """All four multiply the signal; second derivatives are those of jax at the solved pulls."""
    kinds = {"a": (0.3, "lognormal"), "b": (0.2, "normal"), "c": (0.1, "lognormal")}
    kinds |= {"d": (0.25, "normal")}
    pulls = [Pulled(f"alpha_{n}", sd, ("signal",), n, kind) for n, (sd, kind) in kinds.items()]
    m = Model(replace(csi_2017(), pulls=tuple(pulls)), free_pulls=["alpha_a", "alpha_b"])
    points = {"sin2_theta_w": [0.22, 0.31], "alpha_a": [0.4, -1.0], "alpha_b": [0.2, -0.3]}
    expansion = m.expand({}, points)
    every = (*points, *expansion.pulls)
    for i in range(2):
        values = {n: x[i] for n, x in [*points.items(), *expansion.pulls.items()]}
        near(expansion.value[i], m.nll(values), 1e-11)
        near(expansion.full[i], m.hessian(values, names=every, profiled=False), 1e-9)


def test_no_names():
    """Without names an expansion has the profiled nll and the Hessian by the pulls alone."""
    m, values = model("gaussian"), {"sin2_theta_w": 0.3}
    expansion = m.expand(values, {})
    assert expansion.value.shape == (1,)
    assert expansion.gradient.shape == (1, 0)
    assert expansion.hessian.shape == (1, 0, 0)
    near(expansion.value[0], m.profiled_nll(values), 1e-12)
    best = {n: float(a) for n, a in m.best_pulls(values).items()}
    assert {n: x[0] for n, x in expansion.pulls.items()} == pytest.approx(best, rel=0, abs=1e-12)
    expected = m.hessian({**values, **best}, names=tuple(expansion.pulls), profiled=False)
    np.testing.assert_allclose(expansion.full[0], expected, rtol=1e-11)


def test_held_values_and_points_of_the_same_name():
    """A name among the points takes its values from the points; other values are held."""
    m = model("gaussian")
    names, points = PLAIN, [(0.31, 5.3, 0.1)]
    plain = m.expand({"R_n_I": 4.0}, columns(names, points))
    near(plain.value[0], m.profiled_nll({**values_of("gaussian", 0), "R_n_I": 4.0}), 1e-12)
    doubled = m.expand({"R_n_I": 4.0, "sin2_theta_w": 0.9}, columns(names, points))
    assert doubled.value == plain.value
    assert not np.allclose(plain.value, expanded("gaussian").value[0])


def test_given_data():
    """Data are counts, counts by experiment, or a toy with auxiliary measurements."""
    m = model("gaussian")
    toy = m.toy(3, {"sin2_theta_w": 0.28})
    counts = toy.counts["csi-2017"]
    scale, values = scales("gaussian"), values_of("gaussian", 0)
    seen = []
    for data in (counts, toy.counts, toy):
        expansion = m.expand({}, {n: np.array([x]) for n, x in values.items()}, data=data)
        value, slopes = m.value_and_grad(values, names=PLAIN, data=data)
        near(expansion.value[0], value, 1e-11)
        near(expansion.gradient[0] * scale, np.array([slopes[n] for n in PLAIN]) * scale, 1e-9)
        expected = m.hessian(values, names=PLAIN, data=data) * np.outer(scale, scale)
        near(expansion.hessian[0] * np.outer(scale, scale), expected, 1e-9)
        seen.append(expansion.value[0])
    assert seen[0] == seen[1]
    assert len({*seen, expanded("gaussian").value[0]}) == 3


def test_single_precision():
    m = Model(csi_2017(), [StandardModel(), NSI("eps_dV_ee")], dtype="float32")
    expansion = m.expand({}, {"eps_dV_ee": [0.1, -0.3]})
    expected = model("gaussian").map({}, {"eps_dV_ee": [0.1, -0.3]})
    np.testing.assert_allclose(expansion.value, expected, rtol=1e-4)


def test_bad_input():
    m = model("gaussian")
    with pytest.raises(UnknownNameError, match="did you mean sin2_theta_w"):
        m.expand({}, {"sin2_thetaw": [0.2]})
    with pytest.raises(UnknownNameError, match="R_n_Cx"):
        m.expand({"R_n_Cx": 5.0}, {"sin2_theta_w": [0.2]})
    with pytest.raises(InputError, match="outside its bounds"):
        m.expand({}, {"sin2_theta_w": [0.2, 1.5]})
    with pytest.raises(InputError, match="outside its bounds"):
        m.expand({"sin2_theta_w": -0.1}, {})
    with pytest.raises(InputError, match="nan"):
        m.expand({}, {"sin2_theta_w": [0.2, np.nan]})
    with pytest.raises(InputError, match="need one length"):
        m.expand({}, {"sin2_theta_w": [0.2, 0.3], "R_n_Cs": [5.0]})
    with pytest.raises(InputError, match="need shape"):
        m.expand({}, {"sin2_theta_w": [[0.2], [0.3]]})
    with pytest.raises(InputError, match="need shape"):
        m.expand({}, {"sin2_theta_w": []})
    with pytest.raises(InputError, match="shape"):
        m.expand({}, {"sin2_theta_w": [0.2]}, data=np.ones(3))
    with pytest.raises(TypeError, match="takes numbers"):
        jax.jit(lambda x: m.expand({"R_n_Cs": x}, {"sin2_theta_w": [0.2]}).value)(5.0)


def test_singular_hessians_by_nuisances():
    """Two nuisances scale one huge signal: the solution is that of the pseudoinverse."""
    fine = np.array([[2.0, 1.0], [1.0, 3.0]])
    flat = 1e20 * np.array([[1.0, 1.0], [1.0, 1.0]])
    right = np.array([[1.0, 2.0], [1e20, 1e20]])[:, :, None]
    free = np.ones((2, 2), dtype=bool)
    got = profiled.solution(np.stack([fine, flat]), right, free)[:, :, 0]
    # 2 x + y = 1 and x + 3 y = 2.
    np.testing.assert_allclose(got[0], [0.2, 0.6], rtol=1e-14)
    np.testing.assert_allclose(got[1], [0.5, 0.5], rtol=1e-14)
    held = profiled.solution(fine[None], right[:1], np.array([[True, False]]))
    np.testing.assert_allclose(held[0, 0, 0], 0.5, rtol=1e-14)

"""Rows of Gaussian experiments against linear least squares in sixty digits."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from cevnsjax import StandardModel, scan
from cevnsjax.experiments import csi_2017, lar_2020
from cevnsjax.experiments.systematics import Pull
from cevnsjax.interactions.owners import owning
from cevnsjax.model import Model
from cevnsjax.model.data import Pseudodata

BRN = "prompt_neutrons"
NSI = ("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "eps_dV_mumu")
PULLS = {
    "none": (),
    "signal": ((0.128, ("signal",)),),
    "background": ((0.25, (BRN,)),),
    "two on the signal": ((0.1, ("signal",)), (0.08, ("signal",)), (0.25, (BRN,))),
    "on both at once": ((0.1, ("signal", BRN)), (0.2, (BRN,))),
    "one alone, one on both": ((0.15, ("signal",)), (0.1, ("signal", BRN)), (0.3, (BRN,))),
    "narrow": ((1e-9, ("signal",)), (1e-9, (BRN,))),
    "wide": ((1e6, ("signal",)), (1e6, (BRN,))),
    "free": ((np.inf, ("signal",)), (0.25, (BRN,))),
    "two of them free": ((0.1, ("signal",)), (np.inf, ("signal", BRN)), (np.inf, ("signal",))),
    "the same twice": ((np.inf, (BRN,)), (0.3, (BRN,)), (0.1, ("signal",))),
}
GRIDS = {
    "nsi": dict.fromkeys(NSI[:2], np.linspace(-1, 1, 9)),
    "four nsi": dict.fromkeys(NSI, np.linspace(-1, 1, 4)),
    "wide nsi": dict.fromkeys(NSI[:2], np.array([-10, -3, -1e-3, 0.0, 1e-7, 0.3, 5, 10])),
    "couplings": {"g_Zp": np.geomspace(1e-7, 1e-1, 13), "m_Zp": np.geomspace(0.1, 1e4, 6)},
    "scalar": {"g_phi": np.geomspace(1e-8, 1e-2, 9), "m_phi": np.geomspace(1.0, 1e3, 3)},
    "rows and more": {
        "m_Zp": np.geomspace(1, 1e3, 3), "eps_dV_ee": np.linspace(-1, 1, 3),
        "g_Zp": np.geomspace(1e-6, 1e-3, 7),
    },
    "angle": {"sin2_theta_w": np.linspace(0.0, 1.0, 15)},
    "moments": {"mu_nu_e": np.linspace(0.0, 60.0, 6), "mu_nu_mu": np.linspace(0.0, 60.0, 7)},
}  # fmt: skip


def with_pulls(name):
    experiment = csi_2017()
    pulls = [Pull(f"alpha_{k}_csi2017", sd, c, "") for k, (sd, c) in enumerate(PULLS[name])]
    return replace(experiment, pulls=tuple(pulls))


def model(experiments, axes, **options):
    return Model(experiments, [StandardModel(), *owning(list(axes), {})], **options)


def number(x):
    return mpmath.mpf(float(x))


def least_squares(experiment, parts, observed, centres):
    """chi2 of one experiment at its best pulls, from normal equations."""
    cells = {c: [number(x) for x in sum(np.asarray(p) for p in each)] for c, each in parts.items()}
    weights = [1 / number(x) for x in experiment.variance]
    tight = [1 / number(p.sd) ** 2 if np.isfinite(p.sd) else number(0) for p in experiment.pulls]
    centres = [number(centres.get(p.name, 0.0)) for p in experiment.pulls]
    bins = range(len(weights))
    r = [number(observed[i]) - sum(c[i] for c in cells.values()) for i in bins]
    columns = [[sum(cells[c][i] for c in p.components) for i in bins] for p in experiment.pulls]
    K = range(len(columns))
    a = []
    if columns:
        A, b = mpmath.matrix(len(K), len(K)), mpmath.matrix(len(K), 1)
        for j in K:
            for k in K:
                A[j, k] = sum(weights[i] * columns[j][i] * columns[k][i] for i in bins)
            A[j, j] += tight[j]
            b[j] = sum(weights[i] * columns[j][i] * r[i] for i in bins) + tight[j] * centres[j]
        if min(abs(mpmath.det(A)), 1) < mpmath.mpf(10) ** -40:
            # Along directions without any effect every solution is a minimum.
            A += mpmath.mpf(10) ** -45 * mpmath.eye(len(K))
        a = list(mpmath.lu_solve(A, b))
    left = [r[i] - sum(a[k] * columns[k][i] for k in K) for i in bins]
    penalty = sum(tight[k] * (a[k] - centres[k]) ** 2 for k in K)
    return sum(w * x**2 for w, x in zip(weights, left, strict=True)) + penalty


def witness(analysis, values, data=None):
    """chi2 at a point from expected counts and sixty digits."""
    with mpmath.workdps(60):
        out = mpmath.mpf(0)
        for name, e in analysis.experiments.items():
            counts = analysis.by_component(values)[name]
            parts = {"signal": list(counts["signal"].values())}
            parts |= {c: [x] for c, x in counts["background"].items()}
            observed = e.observed if data is None else data.counts[name]
            out += least_squares(e, parts, observed, {} if data is None else data.auxiliary)
        return float(out)


def check(analysis, axes, data=None, points=12, within=1e-11):
    """chi2 agrees with the witness at some points, up to the rounding of counts in residuals."""
    chi2 = scan(analysis, engine="template", data=data, **axes).chi2.to_numpy()
    rng = np.random.default_rng(5)
    corners = [(0,) * chi2.ndim, tuple(n - 1 for n in chi2.shape)]
    for place in [*corners, *rng.integers(0, chi2.shape, (points, chi2.ndim)).tolist()]:
        values = {n: float(g[i]) for (n, g), i in zip(axes.items(), place, strict=True)}
        true = witness(analysis, values, data)
        assert abs(chi2[tuple(place)] - true) <= within * (true + 0.1 * np.sqrt(true)), values


@pytest.mark.parametrize("name", PULLS)
def test_pulls_of_any_kind_up_to_huge_signals(name):
    axes = GRIDS["couplings"]
    check(model(with_pulls(name), axes), axes)


@pytest.mark.parametrize("name", ["none", "one alone, one on both", "free"])
def test_pulls_of_any_kind_without_rows_of_their_own(name):
    check(model(with_pulls(name), GRIDS["nsi"]), GRIDS["nsi"])


@pytest.mark.parametrize("name", GRIDS)
def test_grids(name):
    check(model(csi_2017(), GRIDS[name]), GRIDS[name])


@pytest.mark.parametrize("name", ["nsi", "wide nsi", "rows and more"])
def test_several_experiments(name):
    check(model([csi_2017(), lar_2020()], GRIDS[name]), GRIDS[name], points=6)


def test_toys_with_thrown_centres():
    axes = GRIDS["four nsi"]
    analysis = model([csi_2017(), lar_2020()], axes)
    for seed in (1, 2):
        toy = analysis.toy(seed, {"eps_uV_ee": 0.3})
        assert min(abs(float(c)) for c in toy.auxiliary.values()) > 0
        check(analysis, axes, data=toy, points=4)


@pytest.mark.parametrize("name", ["signal", "two on the signal", "free", "none", "narrow"])
def test_data_that_a_grid_point_explains(name):
    """chi2 is 0 at that point and keeps its digits near it."""
    away = np.array([0.0, 1e-9, 1e-7, 1e-5, 1e-3, 0.1])
    axes = {"eps_uV_ee": 0.2 + away, "eps_dV_ee": -0.4 + away}
    analysis = model(with_pulls(name), axes)
    truth = {"eps_uV_ee": 0.2, "eps_dV_ee": -0.4}
    data = Pseudodata(analysis.expected({**analysis.parameters.defaults(), **truth}), {})
    chi2 = scan(analysis, engine="template", data=data, **axes).chi2.to_numpy()
    assert 0 <= chi2[0, 0] < 1e-22
    for place in [(0, 1), (1, 0), (2, 2), (3, 1), (4, 4), (0, 5)]:
        values = {n: float(g[i]) for (n, g), i in zip(axes.items(), place, strict=True)}
        true = witness(analysis, values, data)
        # Counts have sixteen digits, so that small residuals have an absolute error.
        assert abs(chi2[place] - true) <= 1e-11 * true + 3e-12 * np.sqrt(true), values
        assert true > 0


def test_huge_signals_saturate():
    """The pull scales a huge signal down: chi2 tends to a constant and keeps all its digits."""
    axes = {"g_Zp": np.geomspace(1e-3, 1.0, 4), "m_Zp": np.array([0.01, 0.02])}
    analysis = model(csi_2017(), axes)
    chi2 = scan(analysis, engine="template", **axes).chi2.to_numpy()
    assert np.ptp(chi2) < 0.1
    check(analysis, axes, points=8)


def test_data_are_not_mixed_up():
    """Intermediate results stored for one set of data are not used for another."""
    axes = GRIDS["nsi"]
    analysis = model(csi_2017(), axes)
    toy = analysis.toy(4)
    scans = [scan(analysis, engine="template", data=d, **axes).chi2 for d in (None, toy, None, toy)]
    assert scans[0].equals(scans[2])
    assert scans[1].equals(scans[3])
    assert float(abs(scans[0] - scans[1]).max()) > 0.1


def test_blocks_in_any_order(monkeypatch):
    from cevnsjax.model.templates import grid

    monkeypatch.setattr(grid, "_MAX_ROWS", 7)
    axes = GRIDS["four nsi"]
    analysis = model(csi_2017(), axes)
    template_grid = analysis.template_grid({}, axes)
    starts = range(0, 64, template_grid.step)
    forward = [template_grid.block(i)[0].copy() for i in starts]
    backward = [template_grid.block(i)[0].copy() for i in reversed(starts)][::-1]
    np.testing.assert_array_equal(forward, backward)
    last_row = np.broadcast_to(forward[-1][0], (7, 4))
    np.testing.assert_array_equal(template_grid.block(63)[0], last_row)


def test_lengths_are_those_of_the_signal():
    """Polynomials of a row and the counts they stand for give the same squares and products."""
    axes = GRIDS["four nsi"]
    analysis = model(csi_2017(), axes)
    grid = analysis.template_grid({}, axes)
    places = np.unravel_index(np.arange(64), grid.lengths)
    (rows,) = grid._rows
    table = rows.table(grid._folded.weights(places, 64), None)
    t, y = grid._folded.t, rows.numbers[0]
    powers = t[:, None] ** np.arange(3)
    along = powers @ table[0]
    across = [powers[:, : 3 - k] @ table[1 + k, : 3 - k] for k in range(3)]
    e = analysis.experiments["csi-2017"]
    B, sd = e.backgrounds[BRN], next(p.sd for p in e.pulls if BRN in p.components)
    # The background's pull widens the covariance along the background.
    inverse = np.linalg.inv(np.diag(e.variance) + sd**2 * np.outer(B, B))
    s = np.einsum("tp,prc->trc", powers, grid._folded.row_coefficients(places, 64))
    data = e.observed - B
    assert y == pytest.approx(np.sqrt(data @ inverse @ data), rel=1e-12)
    np.testing.assert_allclose(along * y, s @ inverse @ data, rtol=1e-10, atol=1e-12)
    square = np.einsum("trc,cd,trd->tr", s, inverse, s)
    np.testing.assert_allclose(along**2 + sum(a**2 for a in across), square, rtol=1e-11)


def test_constraint_of_a_nuisance_along_rows():
    """The constraint of a nuisance along the rows is added, as for one along the other axes."""
    analysis = Model(csi_2017(shape="qf_scale"))
    axes = {"qf_scale_csi2017": np.linspace(0.9, 1.1, 3), "sin2_theta_w": np.linspace(0.1, 0.3, 4)}
    grid = analysis.template_grid({}, axes)
    assert (grid.inner, grid.outer) == ("sin2_theta_w", ("qf_scale_csi2017",))
    across = grid._penalty((np.arange(3),))
    grid.inner, grid.outer = "qf_scale_csi2017", ("sin2_theta_w",)
    along = grid._penalty((np.arange(3),))
    assert (across.shape, along.shape) == ((3, 1), (3, 3))
    np.testing.assert_allclose(along, np.broadcast_to(across.T, (3, 3)), rtol=1e-12)
    assert across[0] > 1

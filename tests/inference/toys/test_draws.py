"""Pseudo-experiments of models: counts and auxiliaries thrown, their use, pulls and coverage."""

from dataclasses import fields, replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy.interpolate import CubicSpline

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import Experiment, PlannedExperiment, csi_2017, csi_2021, lar_2020
from cevnsjax.inference.fits.fit import fit
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model

BUILT = {
    "csi-2017": csi_2017,
    "lar-2020": lar_2020,
    "csi-2021": csi_2021,
}
SIG = {"csi-2017": "alpha_sig_csi2017", "csi-2021": "alpha_sig_csi2021"}
QF = "qf_scale_csi2017"
THEORY = "sin2_theta_w"


@cache
def model(name):
    """One experiment, "joint" for two, or CsI 2017 with a quenching nuisance that is not linear."""
    if name == "joint":
        return Model([csi_2017(), csi_2021(morphs=("qf_1", "time"))])
    if name == "nonlinear":
        return Model(csi_2017(shape="qf_scale"))
    return Model(BUILT[name]())


KINDS = ["csi-2017", "csi-2021", "joint", "nonlinear"]


def constrained(analysis):
    """Nuisances with a Gaussian prior, {name: prior}."""
    return {n: p.prior for n, p in analysis.parameters.items() if p.kind == "nuisance"}


# --- what is drawn ---


@pytest.mark.parametrize("name", KINDS)
def test_shapes_and_names(name):
    """A batch adds a first axis to one toy; all constrained nuisances have auxiliaries."""
    analysis = model(name)
    one, batch = analysis.toy(3), analysis.toy(3, toys=4)
    assert set(one.counts) == set(batch.counts) == set(analysis.experiments)
    for n, e in analysis.experiments.items():
        assert one.counts[n].shape == e.observed.shape
        assert batch.counts[n].shape == (4, *e.observed.shape)
        whole = np.issubdtype(batch.counts[n].dtype, np.integer)
        assert whole == (e.statistic == "poisson")
        np.testing.assert_array_equal(one.counts[n], batch.counts[n][0])
        np.testing.assert_array_equal(batch[2].counts[n], batch.counts[n][2])
    assert set(one.auxiliary) == set(batch.auxiliary) == set(constrained(analysis))
    for n, thrown in batch.auxiliary.items():
        assert thrown.shape == (4,)
        assert np.shape(one.auxiliary[n]) == ()
        assert one.auxiliary[n] == thrown[0] == batch[0].auxiliary[n]
    assert len(batch) == 4
    assert len(batch[1:3]) == 2
    with pytest.raises(InputError, match="toys="):
        len(one)


def test_a_batch_begins_with_a_smaller_one():
    """A larger batch begins with the same counts and auxiliaries, across blocks of toys."""
    analysis = model("joint")
    small, large = analysis.toy(8, toys=5), analysis.toy(8, toys=BLOCK + 3)
    for part in ("counts", "auxiliary"):
        for n, x in getattr(small, part).items():
            np.testing.assert_array_equal(x, getattr(large, part)[n][:5])
    again, other = analysis.toy(8, toys=5), analysis.toy(9, toys=5)
    for n, x in small.counts.items():
        np.testing.assert_array_equal(x, again.counts[n])
        assert np.all(np.any(x != other.counts[n], axis=1))


def test_twins_get_different_toys():
    """Two experiments that differ by name only are thrown independently."""
    e = csi_2021(morphs=())
    pulls = tuple(replace(p, name=f"{p.name}b") for p in e.pulls)
    analysis = Model([e, replace(e, name="twin", pulls=pulls)])
    toys = analysis.toy(2, toys=200)
    first, second = toys.counts["csi-2021"], toys.counts["twin"]
    mu = np.asarray(analysis.expected()["csi-2021"])
    far = [np.ravel((x - mu) / np.sqrt(mu)) for x in (first, second)]
    assert abs(np.mean(far[0] * far[1])) < 4 / np.sqrt(first.size)
    thrown = np.array(list(toys.auxiliary.values()))
    correlation = np.corrcoef(thrown)[np.triu_indices(len(thrown), 1)]
    assert np.max(np.abs(correlation)) < 4 / np.sqrt(200)


@pytest.mark.parametrize("name", ["csi-2017", "csi-2021"])
def test_counts_follow_the_true_values(name):
    """Means are the expected counts with nuisances applied; variances those of the statistic."""
    analysis, size = model(name), 4000
    values = {THEORY: 0.3, SIG[name]: 0.4}
    toys = analysis.toy(5, values, toys=size)
    counts, e = toys.counts[name].astype(float), analysis.experiments[name]
    mu = np.asarray(analysis.expected(values)[name])
    variance = mu if e.statistic == "poisson" else e.variance
    fourth = variance + 3 * variance**2 if e.statistic == "poisson" else 3 * variance**2
    pulls = (counts.mean(axis=0) - mu) / np.sqrt(variance / size)
    assert np.max(np.abs(pulls)) < 4.5
    assert abs(np.sum(pulls**2) - mu.size) < 4 * np.sqrt(2 * mu.size)
    spread = (counts.var(axis=0, ddof=1) - variance) / np.sqrt((fourth - variance**2) / size)
    assert np.max(np.abs(spread)) < 5
    assert (
        np.max(np.abs(mu - np.asarray(analysis.expected()[name])) / np.sqrt(variance / size)) > 10
    )


@pytest.mark.parametrize("name", KINDS)
def test_auxiliaries_are_thrown_about_the_true_values(name):
    """Auxiliaries scatter about the true value with the width of the prior, or not at all."""
    analysis, size = model(name), 4000
    priors = constrained(analysis)
    true = {n: p.mean + (0.7 - 0.2 * k) * p.sd for k, (n, p) in enumerate(priors.items())}
    toys = analysis.toy(6, true, toys=size)
    for n, prior in priors.items():
        far = (toys.auxiliary[n] - true[n]) / prior.sd
        assert abs(far.mean()) < 4 / np.sqrt(size)
        assert abs(far.var(ddof=1) - 1) < 4 * np.sqrt(2 / size)
    still = analysis.toy(6, true, toys=3, auxiliary=False)
    assert still.auxiliary == {}
    for n, counts in still.counts.items():
        np.testing.assert_array_equal(counts, toys.counts[n][:3])


def test_a_nuisance_without_prior_has_no_auxiliary():
    analysis = Model(csi_2021(pulls={"sig": float("inf")}, morphs=()))
    assert set(analysis.toy(1).auxiliary) == {f"alpha_{n}_csi2021" for n in ("brn", "nin", "ss")}


def test_nonlinear_nuisances_are_thrown_about_one():
    analysis = model("nonlinear")
    prior = analysis.parameters[QF].prior
    assert (prior.mean, analysis.parameters[QF].default) == (1.0, 1.0)
    thrown = analysis.toy(4, toys=4000).auxiliary[QF]
    assert abs((thrown.mean() - 1) / prior.sd) < 4 / np.sqrt(4000)
    moved = analysis.toy(4, {QF: 1.05}, toys=4000).auxiliary[QF]
    np.testing.assert_allclose(moved - thrown, 0.05, rtol=1e-12)


# --- how toys are used ---


@pytest.mark.parametrize("name", KINDS)
def test_vmap_over_toys(name):
    """vmap over toys equals one by one; the likelihood depends on the thrown auxiliaries."""
    analysis, toys = model(name), model(name).toy(12, {THEORY: 0.25}, toys=5)
    together = jax.vmap(lambda d: analysis.profiled_nll({}, data=d))(toys)
    alone = [float(analysis.profiled_nll({}, data=toys[i])) for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-11)
    compiled = jax.jit(jax.vmap(lambda d: analysis.nll({THEORY: 0.2}, data=d)))(toys)
    alone = [float(analysis.nll({THEORY: 0.2}, data=toys[i])) for i in range(5)]
    np.testing.assert_allclose(compiled, alone, rtol=1e-12)
    without = Pseudodata(toys.counts, {})
    centred = jax.vmap(lambda d: analysis.profiled_nll({}, data=d))(without)
    assert np.min(np.abs(np.asarray(centred) - np.asarray(together))) > 1e-4


def chi2_by_hand(analysis, values, data):
    """Deviance or (n - mu)^2/variance of each experiment, and ((a - measured)/sd)^2, in NumPy."""
    mean, chi2 = analysis.expected(values), 0.0
    for name, e in analysis.experiments.items():
        n, mu = np.asarray(data.counts[name], dtype=float), np.asarray(mean[name])
        if e.statistic == "poisson":
            terms = [m - k + (k * np.log(k / m) if k else 0.0) for k, m in zip(n, mu, strict=True)]
            chi2 += 2 * np.sum(terms)
        else:
            chi2 += np.sum((n - mu) ** 2 / e.variance)
    for name, prior in constrained(analysis).items():
        measured = data.auxiliary.get(name, prior.mean)
        chi2 += ((values.get(name, analysis.parameters[name].default) - measured) / prior.sd) ** 2
    return chi2


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kept", ["all", "some", "none"])
def test_nll_by_hand(name, kept):
    """Constraints are centred on thrown auxiliaries, or on the prior where there are none."""
    analysis = model(name)
    priors, rng = constrained(analysis), np.random.default_rng(1)
    toy = analysis.toy(13)
    chosen = {"all": list(priors), "some": list(priors)[-1:], "none": []}[kept]
    data = Pseudodata(toy.counts, {n: toy.auxiliary[n] for n in chosen})
    values = {n: p.mean + 0.4 * p.sd * rng.normal() for n, p in priors.items()}
    expected = chi2_by_hand(analysis, {THEORY: 0.26, **values}, data)
    got = 2 * float(analysis.nll({THEORY: 0.26, **values}, data=data))
    assert got == pytest.approx(expected, rel=1e-11)
    # The profile is the minimum over the solved nuisances, so that no neighbour lies below.
    best = {n: float(a) for n, a in analysis.best_pulls({THEORY: 0.26}, data=data).items()}
    least = chi2_by_hand(analysis, {THEORY: 0.26, **best}, data)
    profiled = 2 * float(analysis.profiled_nll({THEORY: 0.26}, data=data))
    assert profiled == pytest.approx(least, rel=1e-11)
    for n in best:
        for step in (-1e-3, 1e-3):
            moved = {**best, n: best[n] + step * priors[n].sd}
            assert chi2_by_hand(analysis, {THEORY: 0.26, **moved}, data) > least


def test_counts_of_one_experiment_only():
    """An experiment left out of the counts keeps its observed counts."""
    analysis, toy = model("joint"), model("joint").toy(14)
    part = Pseudodata({"csi-2021": toy.counts["csi-2021"]}, {})
    whole = Pseudodata({**part.counts, "csi-2017": analysis.experiments["csi-2017"].observed}, {})
    assert float(analysis.nll({}, data=part)) == float(analysis.nll({}, data=whole))
    assert float(analysis.nll({}, data=part)) != float(analysis.nll())


def test_derivatives_of_toys():
    """value_and_grad and hessian of a toy equal central differences of its profile."""
    analysis, toy, h = model("csi-2017"), model("csi-2017").toy(15), 1e-4
    value, slopes = analysis.value_and_grad({THEORY: 0.25}, data=toy)
    at = [float(analysis.profiled_nll({THEORY: 0.25 + s}, data=toy)) for s in (-h, 0, h)]
    assert value == pytest.approx(at[1], rel=1e-13)
    assert slopes[THEORY] == pytest.approx((at[2] - at[0]) / (2 * h), rel=1e-5)
    curvature = analysis.hessian({THEORY: 0.25}, data=toy)[0, 0]
    assert curvature == pytest.approx((at[2] - 2 * at[1] + at[0]) / h**2, rel=1e-4)
    mapped = analysis.map({}, {THEORY: np.array([0.2, 0.25])}, data=toy)
    assert float(mapped[1]) == pytest.approx(at[1], rel=1e-12)


# --- bad input ---


@pytest.mark.parametrize("seed", [-1, True], ids=repr)
def test_bad_seed(seed):
    with pytest.raises(InputError, match="seed must be a whole number >= 0"):
        model("csi-2017").toy(seed)


@pytest.mark.parametrize("size", [0, -2, True], ids=repr)
def test_bad_size(size):
    with pytest.raises(InputError, match="toys must be a whole number >= 1"):
        model("csi-2017").toy(1, toys=size)


@pytest.mark.parametrize(("seed", "size"), [(1.0, None), ("1", None), (1, 1.5), (1, "3")], ids=str)
def test_numbers_of_a_wrong_kind(seed, size):
    """The type checker of the tests refuses them; without it the package does."""
    with pytest.raises((InputError, TypeCheckError)):
        model("csi-2017").toy(seed, toys=size)


def test_unknown_names():
    analysis, toy = model("csi-2017"), model("csi-2017").toy(1)
    with pytest.raises(UnknownNameError, match="alpha_sgi_csi2017"):
        analysis.toy(1, {"alpha_sgi_csi2017": 0.1})
    with pytest.raises(UnknownNameError, match="experiment 'csi-2018'"):
        analysis.nll({}, data=Pseudodata({"csi-2018": toy.counts["csi-2017"]}, {}))
    with pytest.raises(UnknownNameError, match="constrained nuisance 'alpha_bnr_csi2017'"):
        analysis.nll({}, data=Pseudodata(toy.counts, {"alpha_bnr_csi2017": 0.0}))
    with pytest.raises(UnknownNameError, match="constrained nuisance 'sin2_theta_w'"):
        analysis.nll({}, data=Pseudodata(toy.counts, {THEORY: 0.2}))


def test_a_batch_is_not_data_of_one_toy():
    """A batch must be indexed or mapped over; the error names the expected shape."""
    analysis, toys = model("csi-2017"), model("csi-2017").toy(1, toys=3)
    with pytest.raises(InputError, match=r"shape \(3, 12\), expected \(12,\)"):
        analysis.nll({}, data=toys)
    with pytest.raises(InputError, match=r"auxiliary .* has shape \(3,\), expected one number"):
        analysis.nll({}, data=Pseudodata(toys[0].counts, toys.auxiliary))


# --- statistics ---


def solved(analysis, toys):
    """Nuisances [nuisance, toy] that fit each toy, and their widths from the exact Hessian."""
    names = analysis.parameters.names(linear=True)
    best = jax.jit(jax.vmap(lambda d: analysis.best_pulls({}, data=d)))(toys)
    a = jnp.stack([best[n] for n in names], axis=1)

    def hessian(z, data):
        values = lambda z: {n: z[i] for i, n in enumerate(names)}  # noqa: E731
        return jax.hessian(lambda z: analysis.nll(values(z), data=data))(z)

    each = jax.jit(lambda a, d: jax.lax.map(lambda x: hessian(*x), (a, d), batch_size=100))
    covariance = np.linalg.inv(np.asarray(each(a, toys)))
    return names, np.asarray(a).T, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).T


@pytest.mark.slow
def test_every_toy_is_solved():
    """2000 toys at the true values, some of them through regions of negative curvature."""
    analysis = model("csi-2021")
    toys = analysis.toy(11, toys=2000)
    left = jax.jit(jax.vmap(lambda d: analysis.solver_distance({}, data=d)))(toys)
    assert np.flatnonzero(np.abs(np.asarray(left)) > 1e-9).tolist() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lar-2020", "csi-2021"])
def test_pulls(name):
    """Fitted nuisances scatter about the true 0 with mean 0 and width 1, in units of errors."""
    analysis, size = model(name), 2000
    names, a, width = solved(analysis, analysis.toy(11, toys=size))
    # Errors are no larger than the constraints; single toys may have a flatter chi2 by a morph.
    assert np.all(np.median(width, axis=1) <= [analysis.parameters[n].prior.sd for n in names])
    pulls = a / width
    np.testing.assert_array_less(np.abs(pulls.mean(axis=1)), 4 / np.sqrt(size))
    np.testing.assert_array_less(np.abs(pulls.std(axis=1, ddof=1) - 1), 4 / np.sqrt(2 * size))


@pytest.mark.slow
def test_pulls_without_thrown_auxiliaries():
    """Constraints centred on the truth pull the fit to it: the scatter is below the error."""
    analysis, size = model("csi-2021"), 400
    names, a, width = solved(analysis, analysis.toy(11, toys=size, auxiliary=False))
    k = names.index("alpha_nin_csi2021")
    assert np.std(a[k] / width[k]) < 0.3


STEPS = {"csi-2017": (-20, 20, 0.25), "lar-2020": (-12, 16, 0.25), "csi-2021": (-11, 11, 0.4)}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_coverage(name):
    """chi2(truth) - least chi2 <= 1 holds for 68.27 % of toys, nuisances profiled.

    The least chi2 over sin2_theta_w is that of a spline through points fractions of a standard
    deviation apart, checked against the model where it lies.
    """
    analysis, size, true = model(name), 2000, model(name).parameters[THEORY].default
    toys = analysis.toy(11, toys=size)
    expected = {name: np.asarray(analysis.expected()[name])}
    width = 1 / np.sqrt(analysis.hessian({THEORY: true}, data=expected)[0, 0])
    first, last, step = STEPS[name]
    k = np.arange(first, last + 1)
    grid = true + step * width * k
    grid, k = grid[grid >= 0], k[grid >= 0]

    def of_toys(s):
        return jax.vmap(lambda d: 2 * analysis.profiled_nll({THEORY: s}, data=d))(toys)

    chi2 = np.asarray(jax.jit(lambda s: jax.lax.map(of_toys, s))(jnp.asarray(grid)))
    spline, fine = CubicSpline(grid, chi2), np.linspace(grid[0], grid[-1], 2001)
    values = spline(fine)
    where, least = fine[np.argmin(values, axis=0)], values.min(axis=0)
    for i in range(5):
        direct = 2 * float(analysis.profiled_nll({THEORY: where[i]}, data=toys[i]))
        assert least[i] == pytest.approx(direct, abs=2e-3)
    # The upper end is far away; the lower end is the bound of the angle, 0.
    assert np.all(where < fine[-2])
    covered = np.mean(chi2[k == 0][0] - least <= 1)
    assert abs(covered - 0.6827) < 3 * np.sqrt(0.6827 * 0.3173 / size)


def test_planned_experiments_predict_but_are_not_fitted_without_data():
    """Their observed counts are placeholders that must not be taken for a measurement."""
    whole = csi_2021(morphs=())
    planned = PlannedExperiment(**{f.name: getattr(whole, f.name) for f in fields(Experiment)})
    model = Model(planned)
    counts = model.expected()["csi-2021"]
    for refused in (model.nll, model.profiled_nll, lambda: fit(model, ["sin2_theta_w"])):
        with pytest.raises(InputError, match="is planned and has no data"):
            refused()
    asimov = fit(model, ["sin2_theta_w"], data={"csi-2021": np.asarray(counts)})
    truth = model.parameters["sin2_theta_w"].default
    assert asimov.values["sin2_theta_w"] == pytest.approx(truth, abs=1e-6)
    assert asimov.chi2 == pytest.approx(0.0, abs=1e-9)


def test_negative_counts_are_refused():
    with pytest.raises(InputError, match="data for csi-2021 are negative"):
        Model(csi_2021(morphs=())).nll({}, data=-np.ones(99))

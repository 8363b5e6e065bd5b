"""Feldman-Cousins constructions: exact sums, closed forms, coverage, bad input."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments.systematics import Pull
from cevnsjax.inference.toys import construction
from cevnsjax.inference.toys.draws import Draws
from cevnsjax.inference.toys.feldman_cousins_notes import notes_of
from cevnsjax.inference.toys.feldman_cousins_result import intervals

SIG, BRN = "alpha_sig_csi2017", "alpha_brn_csi2017"
STRENGTH, BACKGROUND = "alpha_strength_count", 3.0


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


@pytest.fixture(scope="module")
def counting():
    """One Poisson bin over a known background; the strength of its signal is the parameter."""
    one = cj.experiments.csi_2017(statistic="counting", pulls={"brn": 0})
    pull = Pull(STRENGTH, math.inf, ("signal",), "strength of the signal")
    numbers = {"observed": np.array([4.0]), "variance": np.array([1.0])}
    background = {"flat": np.array([BACKGROUND])}
    one = replace(one, statistic="poisson", backgrounds=background, pulls=(pull,), **numbers)
    return cj.Model(one, free_pulls=[STRENGTH])


def p_value(n, mu, b):
    """Probability of counts whose likelihood ratio is no larger than that of n."""
    k = np.arange(200)

    def q(counts):
        best = np.maximum(counts, b)
        log_p = special.xlogy(counts, mu + b) - mu - b
        return -2 * (log_p - special.xlogy(counts, best) + best)

    return stats.poisson.pmf(k, mu + b)[q(k) >= q(np.array([n])) - 1e-9].sum()


def test_counting_experiment(counting):
    """p-values of pseudo-experiments against exact Poisson sums, and the published interval."""
    signal = float(np.asarray(counting.expected({})["csi-2017"])[0]) - BACKGROUND
    mu = np.array([0.5, 1.0, 2.0, 4.0, 5.0, 5.4, 5.8, 6.5])
    region = cj.feldman_cousins(
        counting, levels=0.90, toys=16384, **{STRENGTH: mu / signal - 1}, seed=4
    )
    exact = np.array([p_value(4, x, BACKGROUND) for x in mu])
    spread = np.sqrt(exact * (1 - exact) / region["toys"].values)
    assert np.all(np.abs(region["p_value"].values - exact) <= 4.5 * spread)
    assert int(region["failed"].sum()) == 0
    # Published: [0, 5.60] at 90 % for four counts over a background of three.
    accepted = region["accepted"].values[:, 0]
    np.testing.assert_array_equal(accepted, mu < 5.60)
    low, high = cj.feldman_cousins_counting(4, BACKGROUND, 0.90)
    np.testing.assert_array_equal(accepted, (mu >= low) & (mu <= high))


def test_the_axis_of_a_named_parameter_may_be_given(counting):
    axis = {STRENGTH: np.array([-0.5, 0.5])}
    named = cj.feldman_cousins(counting, STRENGTH, levels=0.90, toys=1024, **axis)
    np.testing.assert_array_equal(named[STRENGTH], axis[STRENGTH])


def test_linear_gaussian_problem():
    """Critical values are quantiles of chi2, and intervals those of the profile likelihood."""
    model = cj.Model(cj.experiments.csi_2017(), free_pulls=[SIG])
    region = cj.feldman_cousins(model, toys=8192, seed=1, **{SIG: np.linspace(-0.3, 0.3, 25)})
    for k, level in enumerate(region["level"].values.tolist()):
        exact = stats.chi2(1).ppf(level)
        values, errors = (region[n].values[:, k] for n in ("critical", "critical_error"))
        assert np.all(np.abs(values - exact) < 4.5 * errors)
    profile = cj.profile(model, SIG)
    for key, spans in json.loads(region.attrs["intervals"]).items():
        np.testing.assert_allclose(spans, profile.intervals[key], rtol=0, atol=0.008)


def test_q_of_the_data(model):
    axis = np.linspace(0.15, 0.32, 5)
    region = cj.feldman_cousins(model, toys=1024, sin2_theta_w=axis)
    best = cj.fit(model, "sin2_theta_w")
    chi2 = 2 * np.asarray(model.map({}, {"sin2_theta_w": axis}))
    np.testing.assert_allclose(region["q_data"].values, chi2 - best.chi2, rtol=0, atol=1e-8)
    assert region.attrs["best_fit_sin2_theta_w"] == pytest.approx(
        best.values["sin2_theta_w"], abs=1e-6
    )


def test_point_is_that_of_toys(model):
    """A point of a grid has the p-value that toys at this point alone give."""
    x = 0.20
    region = cj.feldman_cousins(model, toys=1024, seed=7, sin2_theta_w=np.array([0.18, x, 0.22]))
    alone = cj.toys(model, 1024, test="sin2_theta_w", truth={"sin2_theta_w": x}, seed=7)
    assert region["p_value"].values[1] == alone.attrs["p_value"]
    assert region["critical"].values[1, 0] == pytest.approx(
        float(alone["q"].quantile(0.6827)), abs=1e-12
    )


def test_more_toys_are_thrown_near_the_ends_of_intervals(model):
    region = cj.feldman_cousins(model, "sin2_theta_w", levels=0.6827, toys=4096)
    near = np.abs(region["q_data"].values - 1.0) < 0.1
    far = region["q_data"].values > 4.0
    assert np.all(region["toys"].values[near] == 4096)
    assert np.all(region["toys"].values[far] == 1024)
    profile = cj.profile(model, "sin2_theta_w")
    (span,) = json.loads(region.attrs["intervals"])["0.6827"]
    np.testing.assert_allclose(span, profile.intervals["0.6827"][0], rtol=0, atol=0.004)


@pytest.mark.parametrize("true_nuisances", ["prior", "default"])
def test_other_nuisances(true_nuisances):
    """Throwing nuisances or their measurements is equivalent where the model is nearly linear."""
    model = cj.Model(cj.experiments.csi_2017(), free_pulls=[SIG])
    region = cj.feldman_cousins(
        model,
        fixed={SIG: 0.0},
        true_nuisances=true_nuisances,
        toys=4096,
        sin2_theta_w=(0.2, 0.27, 2),
    )
    exact = [stats.chi2(1).ppf(level) for level in region["level"].values]
    values, errors = region["critical"].values, region["critical_error"].values
    assert np.all(np.abs(values - exact) < 0.15 + 4.5 * errors)
    assert region.attrs["true_nuisances"] == true_nuisances


SHAPE = "qf_scale_csi2017"
CENTRES = {SIG: 0.0, BRN: 0.0, SHAPE: 1.0}


class DrawsMadeError(Exception):
    """Holds the pseudo-experiments that a construction asked for, before any is fitted."""


@pytest.fixture(scope="module")
def with_shape():
    return cj.Model(cj.experiments.csi_2017(shape="qf_scale"))


@pytest.fixture
def thrown(monkeypatch, with_shape):
    """Function of options: model with a shape nuisance, asimov data, and first pseudo-experiments.

    They are those of a construction at sin2_theta_w = 0.15.
    """

    def instead(*args, **options):
        raise DrawsMadeError(Draws(*args, **options))

    monkeypatch.setattr(construction, "Draws", instead)

    def construct(**options):
        with pytest.raises(DrawsMadeError) as stop:
            cj.feldman_cousins(with_shape, toys=1024, levels=0.6827, sin2_theta_w=[0.15], **options)
        (draws,) = stop.value.args
        return with_shape, draws.asimov, draws.block(0)

    return construct


def test_default_nuisances_are_at_their_centres(thrown):
    """Pulls and shape have the centres of their priors in truth; measurements scatter about them.

    At the conditional fit of the data all of them lie elsewhere.
    """
    analysis, asimov, block = thrown(true_nuisances="default")
    mu = analysis.expected({"sin2_theta_w": 0.15, **CENTRES})["csi-2017"]
    np.testing.assert_allclose(asimov.counts["csi-2017"], mu, rtol=1e-12)
    assert asimov.auxiliary == CENTRES
    for name, centre in CENTRES.items():
        z = (block.auxiliary[name] - centre) / analysis.parameters[name].prior.sd
        assert abs(z.mean()) < 4 / math.sqrt(z.size)
        assert z.std() == pytest.approx(1, abs=4 / math.sqrt(2 * z.size))
    _, asimov, _ = thrown(true_nuisances="profile")
    assert all(abs(asimov.auxiliary[n] - x) > 1e-3 for n, x in CENTRES.items())


def test_default_nuisances_that_are_held_stay_where_they_are(thrown):
    _, asimov, block = thrown(true_nuisances="default", fixed={SHAPE: 1.1})
    assert asimov.auxiliary == {SIG: 0.0, BRN: 0.0, SHAPE: 1.1}
    assert abs(np.mean(block.auxiliary[SHAPE]) - 1.1) < 0.05


def test_nuisances_from_priors_leave_their_measurements(thrown):
    """Nuisances scatter counts, and no auxiliary measurement is thrown besides."""
    analysis, asimov, block = thrown(true_nuisances="prior")
    assert block.auxiliary == {}
    variance = analysis.experiments["csi-2017"].variance
    scatter = block.counts["csi-2017"].sum(axis=1).var()
    signal = asimov.counts["csi-2017"].sum()
    # The width of the signal's pull alone is 12.8 %, that of the shape comes on top.
    assert scatter > variance.sum() + 0.8 * (0.128 * signal) ** 2


@pytest.mark.parametrize("true_nuisances", ["prior", "default"])
def test_a_background_known_to_half_of_it(true_nuisances):
    """One Gaussian cell: q has one degree of freedom, whichever of the two is thrown.

    Thrown both, q would scatter by (V + 2 S)/(V + S) = 1.96 too much: V = 100 and S = 50^2.
    """
    one = cj.experiments.csi_2017(statistic="counting", pulls={"sig": 0, "brn": 0})
    pull = Pull("alpha_flat_count", 0.5, ("flat",), "background")
    one = replace(
        one,
        observed=np.array([250.0]),
        variance=np.array([100.0]),
        backgrounds={"flat": np.array([100.0])},
        pulls=(pull,),
    )
    region = cj.feldman_cousins(
        cj.Model(one),
        true_nuisances=true_nuisances,
        levels=0.6827,
        toys=8192,
        sin2_theta_w=[0.25],
        seed=3,
    )
    critical, error = (float(region[n].squeeze()) for n in ("critical", "critical_error"))
    assert abs(critical - 1.0) < 4.5 * error
    assert error < 0.1


def test_two_parameters():
    interactions = [cj.StandardModel(), cj.NSI("eps_uV_ee", "eps_uV_mumu")]
    model = cj.Model(cj.experiments.csi_2017(), interactions)
    axes = {"eps_uV_ee": (-0.2, 0.6, 3), "eps_uV_mumu": np.array([-0.1, 0.2])}
    region = cj.feldman_cousins(model, levels=0.90, toys=1024, **axes)
    assert region["q_data"].dims == ("eps_uV_ee", "eps_uV_mumu")
    scan = cj.scan(model, engine="node", **axes)
    best = cj.fit(model, list(axes))
    np.testing.assert_allclose(
        region["q_data"].values, scan["chi2"].values - best.chi2, rtol=0, atol=1e-6
    )
    assert "intervals" not in region.attrs


def test_intervals_between_points():
    """p = exp(-4 (x -+ 2)^2) crosses 1 - level on both sides of either peak: two intervals."""
    x = np.linspace(-4, 4, 401)
    p = np.maximum(np.exp(-((x - 2) ** 2) * 4), np.exp(-((x + 2) ** 2) * 4))
    edge = np.sqrt(-np.log(0.1) / 4)
    want = [[-2 - edge, -2 + edge], [2 - edge, 2 + edge]]
    np.testing.assert_allclose(intervals(x, p, (0.90,))["0.90"], want, atol=1e-4)
    assert intervals(x, np.full(401, 0.5), (0.90,))["0.90"] == [[-4.0, 4.0]]
    # Where no pseudo-experiment is as far off, p counts as 1e-12.
    ((low, high),) = intervals(np.arange(3.0), np.array([0.0, 0.5, 0.0]), (0.90,))["0.90"]
    width = np.log(5) / np.log(0.5 / 1e-12)
    assert (low, high) == pytest.approx((1 - width, 1 + width), rel=1e-9)
    assert intervals(x, np.full(401, 0.01), (0.90,))["0.90"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parameter": "nothing"}, "nothing"),
        ({}, "one or two parameters"),
        ({"parameter": "sin2_theta_w", "free": "sin2_theta_w"}, "both free and tested"),
        ({"parameter": "sin2_theta_w", "fixed": {"sin2_theta_w": 0.2}}, "tested and fixed"),
        ({"parameter": SIG}, "linear nuisance"),
        ({"parameter": "sin2_theta_w", "levels": 68.27}, "within"),
        ({"parameter": "sin2_theta_w", "levels": ()}, "levels is empty"),
        ({"parameter": "sin2_theta_w", "toys": 0}, "toys must be a whole number"),
        ({"parameter": "sin2_theta_w", "toys": 1}, "too few for a level of 0.9545: take 1024"),
        ({"parameter": "sin2_theta_w", "true_nuisances": "fixed"}, "true_nuisances"),
        ({"parameter": "R_n_Cs", "sin2_theta_w": (0, 1, 3)}, "not both"),
        ({"sin2_theta_w": (0, 2, 3)}, "outside its bounds"),
    ],
    ids=[
        "name",
        "none",
        "free",
        "fixed",
        "pull",
        "percent",
        "levels",
        "toys",
        "few toys",
        "where",
        "both",
        "axis",
    ],
)
def test_bad_input(model, options, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        cj.feldman_cousins(model, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "x", "least", "most"),
    [
        ("eps_dV_ee", 0.08, 0.70, 1.0),
        ("eps_qV_ee", 0.09, 0.80, 1.0),
        ("sin2_theta_w", 0.23857, 0.67, 0.70),
    ],
)
def test_coverage(name, x, least, most):
    """Intervals cover at their level, also between two valleys, where Wilks overcovers far.

    The construction at the truth takes nuisances from each pseudo-experiment's own conditional fit.
    Critical values depend on them smoothly, so that they are interpolated between nine places.
    """
    beyond = [cj.NSI(name)] if name.startswith("eps") else []
    model, n = cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), *beyond]), 100_000
    levels, steps = (0.6827, 0.9545), np.array([-2.0, 0.0, 2.0])
    sd = {SIG: 0.128, BRN: 0.25}
    critical, places = [], []
    for a in steps * sd[SIG]:
        for b in steps * sd[BRN]:
            values = {name: x, SIG: float(a), BRN: float(b)}
            q = cj.toys(model, n, test=name, truth=values, seed=11)["q"].values
            critical.append(np.quantile(q, levels))
            places.append([a / sd[SIG], b / sd[BRN]])
    u, v = np.array(places).T
    terms = np.stack([np.ones(9), u, v, u * v, u**2, v**2], axis=1)
    surface, *_ = np.linalg.lstsq(terms, np.array(critical), rcond=None)
    truth = {name: x, SIG: 0.0, BRN: 0.0}
    table = cj.toys(model, n, test=name, truth=truth, seed=12)
    import jax

    toys = model.toy(12, truth, toys=n)
    pulls = jax.jit(jax.vmap(lambda toy: model.best_pulls({name: x}, data=toy)))(toys)
    u, v = np.asarray(pulls[SIG]) / sd[SIG], np.asarray(pulls[BRN]) / sd[BRN]
    at = np.stack([np.ones(n), u, v, u * v, u**2, v**2], axis=1) @ surface
    for k, level in enumerate(levels):
        covered = float(np.mean(table["q"].values <= at[:, k]))
        assert covered == pytest.approx(level, abs=0.005)
    wilks = float(np.mean(table["q"].values <= 1.0))
    assert least < wilks < most


def notes(inside, best=None, error=1e-3, **grids):
    """Notes on a region at 90 % with its best fit in the middle of the grid or at ``best``."""
    axes = {n: np.asarray(g, dtype=float) for n, g in grids.items()}
    model = cj.Model(cj.experiments.csi_2017())
    p = np.where(inside, 0.11, 0.09)
    place = {n: float(np.mean(g)) for n, g in axes.items()} | (best or {})
    return notes_of(model, axes, p, np.full(p.shape, error), (0.90,), place)


def test_notes_on_what_the_grid_hides():
    grid = {"sin2_theta_w": np.linspace(0.1, 0.5, 7)}
    assert notes([False, False, True, True, True, False, False], **grid) == []
    nothing = np.zeros(7, dtype=bool)
    (empty,) = notes(nothing, **grid)
    assert empty == (
        "0.90: the grid misses the region around the best fit; refine it about sin2_theta_w = 0.3"
    )
    (off,) = notes(nothing, {"sin2_theta_w": 0.05}, **grid)
    assert off.endswith("sin2_theta_w = 0.05, lies off the grid; move or widen it")
    # An island elsewhere does not replace the missed region around the best fit.
    messages = notes([False, False, False, False, True, True, True], {"sin2_theta_w": 0.15}, **grid)
    assert any("misses the region around the best fit" in text for text in messages)
    island = [False, True, False, True, True, True, False]
    (thin,) = notes(island, **grid)
    assert "an island of 1 point near sin2_theta_w = 0.1667 is thinner than 3" in thin
    (chance,) = notes(island, error=0.01, **grid)
    assert chance.endswith("is within the Monte Carlo error; take more toys")
    (cut,) = notes([True, True, True, False, False, False, False], **grid)
    assert cut == "0.90: runs out of the grid below sin2_theta_w = 0.1; widen it there"
    # At a bound of the parameter the grid cannot be widened.
    at_bound = {"sin2_theta_w": np.linspace(0.0, 0.5, 7)}
    assert notes([True, True, True, False, False, False, False], **at_bound) == []


def test_notes_on_regions():
    """A slanting valley one point wide is thin along both axes, a block is not."""
    grid = {"sin2_theta_w": np.linspace(0.1, 0.5, 9), "R_n_Cs": np.linspace(4, 6, 9)}
    block = np.zeros((9, 9), dtype=bool)
    block[3:6, 3:6] = True
    assert notes(block, **grid) == []
    line = np.zeros((9, 9), dtype=bool)
    line[np.arange(1, 8), np.arange(1, 8)] = True
    (text,) = notes(line, **grid)
    assert "along sin2_theta_w and R_n_Cs" in text


def test_notes_come_with_the_result(model):
    region = cj.feldman_cousins(model, levels=0.90, toys=1024, sin2_theta_w=(0.22, 0.4, 4))
    (text, *_) = region.attrs["notes"]
    assert text == "0.90: runs out of the grid below sin2_theta_w = 0.22; widen it there"

"""Simulation-based calibration: right posteriors pass, wrong ones are found and named."""

import json
import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.priors import Density

SD, SD_A = 0.4, 0.5


@dataclass
class Thrower(Toy):
    """x + a is measured three times; the data thrown may be wrong.

    Attributes:
        widen: Factor on the errors of the data thrown.
        shift: Added to the data thrown.
        thrown: Means of the data thrown.
    """

    widen: float = 1.0
    shift: float = 0.0
    thrown: list = field(default_factory=list)

    def nll(self, values, *, data=None):
        return self._nll(values, data)

    def toy(self, seed, values, *, auxiliary=True):
        assert not auxiliary
        mean = values["x"] + values["a"] + self.shift
        noise = np.random.default_rng(seed).normal(size=3)
        self.thrown.append(mean + SD * self.widen * noise.mean())
        return {"seen": mean + SD * self.widen * noise}


@pytest.fixture(scope="module")
def toy():
    table = [
        parameter("x", prior=cj.Normal(1.0, 0.7)),
        parameter("a", kind="nuisance", prior=cj.Normal(0.0, SD_A), scale=SD_A),
    ]

    def chi2(x, a, data):
        counts = sum(((data["seen"][k] - x - a) / SD) ** 2 for k in range(3))
        return counts + (a / SD_A) ** 2

    return Thrower(table, chi2)


QUICK = {"simulations": 400, "warmup": 150, "thin": 3, "seed": 1}


@pytest.fixture(scope="module")
def right(toy):
    """A calibration of a right posterior, and the data that were thrown."""
    toy.thrown.clear()
    return cj.sbc(toy, "x", **QUICK), np.array(toy.thrown)


# --- right posteriors ---
def test_a_right_posterior_passes(right):
    calibration, _ = right
    assert calibration.calibrated, calibration
    assert list(calibration.ranks) == ["x", "a"]
    for name, test in calibration.tests.items():
        assert test.p > 0.01, name
        assert abs(test.shift) < 4
        assert abs(test.spread) < 4
        assert calibration.ranks[name].min() >= 0
        assert calibration.ranks[name].max() <= 99
    assert calibration.simulations == 400


def test_truths_come_from_the_priors(right):
    for name, prior in (("x", stats.norm(1.0, 0.7)), ("a", stats.norm(0.0, SD_A))):
        assert stats.kstest(right[0].truths[name], prior.cdf).pvalue > 1e-3


def test_ranks_are_shares_of_the_closed_posterior(right):
    calibration, seen = right
    error2 = SD**2 / 3 + SD_A**2
    variance = 1 / (1 / 0.7**2 + 1 / error2)
    exact = stats.norm(variance * (1 / 0.7**2 + seen / error2), np.sqrt(variance))
    away = (calibration.ranks["x"] + 0.5) / 100 - exact.cdf(calibration.truths["x"])
    # 99 draws measure a probability of one half to 0.05.
    assert np.std(away) < 0.06
    assert np.mean(away) == pytest.approx(0.0, abs=0.01)


def test_a_right_posterior_by_smc_passes(toy):
    calibration = cj.sbc(toy, "x", method="smc", **QUICK)
    assert calibration.method == "smc"
    assert min(t.p for t in calibration.tests.values()) > 0.01, calibration


def test_seeds(toy, right):
    again, other = (cj.sbc(toy, "x", **{**QUICK, "seed": seed}) for seed in (1, 2))
    np.testing.assert_array_equal(again.ranks["x"], right[0].ranks["x"])
    assert not np.any(other.truths["x"] == right[0].truths["x"])


def test_text_and_json(right):
    calibration, _ = right
    data = json.loads(json.dumps(calibration.to_dict()))
    assert data["status"] == "calibrated"
    assert data["parameters"]["x"]["p"] == calibration.tests["x"].p
    assert data["parameters"]["a"]["ranks"] == calibration.ranks["a"].tolist()
    again = type(calibration).from_json(calibration.to_json())
    assert again.to_dict() == calibration.to_dict()
    np.testing.assert_array_equal(again.ranks["x"], calibration.ranks["x"])
    text = repr(calibration)
    assert "Calibration of nuts, 400 simulations: calibrated" in text
    assert re.search(r"x +[01]", text)


# --- wrong posteriors ---
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("widen", 3.0, "posteriors too narrow"),
        ("widen", 0.1, "posteriors too wide"),
        ("shift", 0.5, "draws too high"),
        ("shift", -0.5, "draws too low"),
    ],
    ids=["data wider", "data narrower", "shifted up", "shifted down"],
)
def test_a_wrong_posterior_is_found(toy, monkeypatch, name, value, words):
    """Data thrown from another distribution than that of the likelihood."""
    monkeypatch.setattr(toy, name, value)
    calibration = cj.sbc(toy, "x", fixed={"a": 0.0}, method="smc", **QUICK)
    assert calibration.tests["x"].p < 1e-3
    assert not calibration.calibrated
    assert f"x ({words}" in calibration.status


def test_a_narrower_prior_than_that_simulated_is_found(toy, monkeypatch):
    """True values are thrown three times as wide as the prior states."""
    correct_draw = Density.draw

    def wider(self, rng, size):
        drawn = correct_draw(self, rng, size)
        return 1 + 3 * (drawn - 1) if self.name == "x" else drawn

    monkeypatch.setattr(Density, "draw", wider)
    calibration = cj.sbc(toy, "x", **QUICK)
    assert calibration.tests["x"].p < 1e-3
    assert "x (posteriors too narrow" in calibration.status


# --- tests of uniformity ---
def test_uniformity_of_ranks_that_are_spread_evenly():
    test = cj.uniformity(np.repeat(np.arange(100), 4), 99)
    assert test.chi2 == pytest.approx(1.0)
    assert test.ecdf > 0.99
    assert test.p == 1.0
    assert test.shift == pytest.approx(0.0, abs=1e-12)
    assert test.spread == pytest.approx(0.0, abs=1e-9)


def test_chi_square_is_scipys():
    ranks = np.random.default_rng(2).integers(0, 100, 300)
    counts = np.histogram(ranks, bins=20, range=(0, 100))[0]
    assert cj.uniformity(ranks, 99).chi2 == pytest.approx(stats.chisquare(counts).pvalue)


@pytest.mark.parametrize("draws", [99, 100, 9])
def test_p_values_of_uniform_ranks_are_uniform(draws):
    """Also where the number of ranks is not a multiple of the number of bins."""
    rng = np.random.default_rng(3)
    tests = [cj.uniformity(rng.integers(0, draws + 1, 200), draws, k) for k in range(400)]
    for p in ([t.chi2 for t in tests], [t.ecdf for t in tests]):
        assert stats.kstest(p, "uniform").pvalue > 1e-3
    for z in ([t.shift for t in tests], [t.spread for t in tests]):
        assert np.mean(z) == pytest.approx(0.0, abs=0.2)
        assert np.std(z) == pytest.approx(1.0, abs=0.15)
    # The combined p-value of both tests falls below 0.05 in at most 5 % of cases, up to noise.
    assert np.mean([t.p < 0.05 for t in tests]) < 0.08


# --- bad input ---
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulations": 5}, "simulations"),
        ({"draws": 0}, "draws"),
        ({"thin": 0}, "thin"),
        ({"seed": -1}, "seed"),
        ({"method": "smc", "draws": 9, "thin": 1}, "50 particles"),
        ({"fixed": {"x": 1.0}}, "both free and fixed"),
    ],
    ids=str,
)
def test_bad_input(toy, options, message):
    with pytest.raises(InputError, match=message):
        cj.sbc(toy, "x", **options)


def test_unknown_names(toy):
    with pytest.raises(UnknownNameError, match="nuts"):
        cj.sbc(toy, "x", method="nutz")
    with pytest.raises(UnknownNameError, match="zz"):
        cj.sbc(toy, "zz")


def test_a_model_that_cannot_throw_data():
    class Silent(Toy):
        def nll(self, values, *, data=None):
            return self._nll(values, data)

    with pytest.raises(InputError, match="no toy"):
        cj.sbc(Silent([parameter("x", bounds=(0.0, 1.0))], lambda x: x), "x")


# --- experiments ---
def nsi():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.NSI("eps_dV_mumu")])


def common_radius():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(radii="common")])


def charge_radius():
    return cj.Model(cj.experiments.lar_2020(), [cj.StandardModel(), cj.ChargeRadius("r2_nu_mumu")])


CASES = {
    "angle and pulls": (common_radius, ["sin2_theta_w"], {}, {}),
    "radius and angle": (
        common_radius,
        ["R_n", "sin2_theta_w"],
        {"R_n": cj.Uniform(3.0, 8.0)},
        {"marginalise_linear": True, "simulations": 200},
    ),
    "coupling": (nsi, ["eps_dV_mumu"], {"eps_dV_mumu": cj.Uniform(-1.0, 1.0)}, {"method": "smc"}),
    "charge radius": (
        charge_radius,
        ["r2_nu_mumu"],
        {"r2_nu_mumu": cj.Normal(0.0, 30.0)},
        {"method": "smc", "simulations": 1500},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", list(CASES))
def test_experiments_are_calibrated(case):
    """p > 0.01 for every parameter."""
    model, free, priors, options = CASES[case]
    calibration = cj.sbc(model(), free, priors=priors, seed=5, **{"simulations": 300, **options})
    assert min(t.p for t in calibration.tests.values()) > 0.01, calibration

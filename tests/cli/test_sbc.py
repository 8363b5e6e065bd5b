"""cevnsjax sbc: output, exit status, and bad input refused before any work."""

import json

import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax.inference.posteriors.calibration_result import Calibration, uniformity

PRIOR = ("--prior", "sin2_theta_w=uniform:0.1,0.4")


def calibration_of(ranks):
    """A result with these ranks of one parameter, among nine draws."""
    truths = {"sin2_theta_w": np.linspace(0.1, 0.4, ranks.size)}
    tests = {"sin2_theta_w": uniformity(ranks, 9)}
    return Calibration({"sin2_theta_w": ranks}, truths, 9, "nuts", 0, tests)


@pytest.fixture
def ranked(monkeypatch):
    """Function that makes the command return given ranks, and gives the options it passed on."""
    seen = {}

    def use(ranks):
        def sbc(_, free, **options):
            seen.update(options, free=free)
            return calibration_of(ranks)

        monkeypatch.setattr(cj, "sbc", sbc)
        return seen

    return use


def test_options_reach_the_library(run, ranked, tmp_path):
    seen = ranked(np.arange(200) % 10)
    words = ("--free", "sin2_theta_w", "--simulations", "30", "--draws", "9", "--thin", "2")
    more = ("--method", "smc", "--seed", "7", "--marginalise", "--plot", "ranks.png", "--json")
    done = run("sbc", "csi-2017", *PRIOR, *words, *more)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["status"] == "calibrated"
    assert len(result["parameters"]["sin2_theta_w"]["ranks"]) == 200
    assert seen["free"] == ["sin2_theta_w"]
    chosen = ("simulations", "draws", "thin", "method", "seed", "marginalise_linear")
    assert [seen[n] for n in chosen] == [30, 9, 2, "smc", 7, True]
    assert seen["priors"]["sin2_theta_w"].high == 0.4
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")


def test_strict_makes_ranks_that_are_not_uniform_an_error(run, ranked):
    ranked(np.zeros(200, dtype=int))
    loose, strict = run("sbc", "csi-2017"), run("sbc", "csi-2017", "--strict")
    assert (loose.code, strict.code) == (0, 1)
    assert "ranks are not uniform: sin2_theta_w (draws too high" in loose.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--simulations", "3"), "simulations must be a whole number >= 20, got 3"),
        (("--draws", "1"), "draws must be a whole number >= 4, got 1"),
        (("--method", "gibbs"), "unknown method 'gibbs'"),
        (("--prior", "sin2_theta_w=flat:0,1"), "unknown prior 'flat'"),
    ],
)
def test_bad_input(run, words, message):
    done = run("sbc", "csi-2017", *words)
    assert done.code == 2
    assert message in done.err


@pytest.mark.slow
def test_a_real_model_is_calibrated(run):
    done = run("sbc", "csi-2017", *PRIOR, "--simulations", "200", "--seed", "4", "--strict")
    assert done.code == 0, done.out
    assert "calibrated" in done.out

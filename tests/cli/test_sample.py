"""cevnsjax sample: output and files against an exact posterior; bad input; exit status."""

import contextlib
import copy
import io
import json
import math
import os
import sys

import arviz
import numpy as np
import pytest
import xarray as xr
from cli.conftest import Run

import cevnsjax as cj
from cevnsjax.cli.commands.sample import FIGURES, posterior_figure
from cevnsjax.cli.main import main
from cevnsjax.cli.words import priors_of
from cevnsjax.inference.posteriors import draws as posterior_draws
from cevnsjax.inference.posteriors import sample as sampling
from cevnsjax.inference.posteriors.priors import densities
from cevnsjax.parameters import Normal, Uniform

PNG = b"\x89PNG\r\n\x1a\n"
SAMPLE = "sample csi-2017"
SHORT = ("--chains", "2", "--draws", "1200", "--warmup", "200", "--seed", "3", "--marginalise")
PRIOR = ("--prior", "sin2_theta_w=normal:0.24,0.05")
NAMES = ["sin2_theta_w", "alpha_sig_csi2017", "alpha_brn_csi2017"]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """One run that all tests read, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("sample")
    words = ("sample", "csi-2017", *SHORT, *PRIOR, "--json", "--strict")
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", os.devnull)
        patch.setattr(sys, "argv", ["cevnsjax", *words, "--output", "p.nc", "--plot", "p.png"])
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as stop,
        ):
            main()
    return Run(int(stop.value.code or 0), out.getvalue(), err.getvalue()), folder


@pytest.fixture(scope="module")
def stored(sampled):
    """The netCDF file, read back."""
    return xr.open_datatree(sampled[1] / "p.nc", engine="h5netcdf")


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


@pytest.fixture
def resampled(monkeypatch):
    """Function that makes the command return given draws, so that nothing is compiled again."""

    def use(result):
        monkeypatch.setattr(sampling, "sample_tree", lambda *_, **__: result)

    return use


# --- results ---
def test_json(sampled, stored):
    done, _ = sampled
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    got = json.loads(done.out)
    assert got["experiments"] == ["csi-2017"]
    assert list(got["parameters"]) == NAMES
    assert (got["chains"], got["draws"], got["warmup"], got["seed"]) == (2, 1200, 200, 3)
    assert got["status"] == "converged"
    assert got["divergences"] == int(stored.sample_stats.diverging.sum())
    for name, row in got["parameters"].items():
        draws = stored.posterior[name].values
        assert row["mean"] == pytest.approx(draws.mean(), rel=1e-12)
        assert row["sd"] == pytest.approx(draws.std(ddof=1), rel=1e-12)
        ends = np.quantile(draws, [0.15865, 0.84135])
        np.testing.assert_allclose(row["intervals"]["0.6827"], ends, rtol=1e-12)
        ends = np.quantile(draws, [0.02275, 0.97725])
        np.testing.assert_allclose(row["intervals"]["0.9545"], ends, rtol=1e-12)
        assert row["r_hat"] == pytest.approx(float(arviz.rhat(draws)), rel=1e-9)
        assert row["ess_bulk"] == pytest.approx(float(arviz.ess(draws)), rel=1e-9)
        assert row["ess_tail"] > 200
    assert got["parameters"]["sin2_theta_w"]["prior"] == "Gaussian 0.24 ± 0.05 above 0 and below 1"
    assert got["parameters"]["alpha_sig_csi2017"]["prior"] == "Gaussian 0 ± 0.128"


def test_draws_are_those_of_the_exact_posterior(sampled, model):
    """Within three standard errors of a grid, with the prior that was asked for."""
    row = json.loads(sampled[0].out)["parameters"]["sin2_theta_w"]
    exact = cj.grid_posterior(
        model, priors={"sin2_theta_w": Normal(0.24, 0.05)}, sin2_theta_w=(0.0, 0.5, 401)
    ).attrs
    error = exact["sd_sin2_theta_w"] / math.sqrt(row["ess_bulk"])
    assert row["mean"] == pytest.approx(exact["mean_sin2_theta_w"], abs=3 * error)
    assert row["sd"] == pytest.approx(exact["sd_sin2_theta_w"], rel=0.1)
    flat = cj.grid_posterior(model, sin2_theta_w=(0.0, 0.6, 401)).attrs
    assert flat["sd_sin2_theta_w"] > 1.15 * exact["sd_sin2_theta_w"]


def test_files(sampled, stored):
    done, folder = sampled
    assert {p.name for p in folder.iterdir()} == {"p.nc", "p.png"}
    assert done.err.splitlines()[-2:] == ["wrote p.nc", "wrote p.png"]
    assert (folder / "p.png").read_bytes().startswith(PNG)
    assert list(stored.posterior.data_vars) == NAMES
    assert dict(stored.posterior.sizes) == {"chain": 2, "draw": 1200}
    assert stored.posterior["sin2_theta_w"].attrs["kind"] == "theory"
    assert stored.posterior.attrs["seed"] == 3
    np.testing.assert_array_equal(
        stored.observed_data["csi-2017"].values,
        cj.experiments.csi_2017().observed,
    )
    # arviz 0.2x lists the groups by a method, without "/"; arviz 1 gives paths of a tree.
    read = arviz.from_netcdf(folder / "p.nc", engine="h5netcdf")
    np.testing.assert_array_equal(read.posterior[NAMES[0]], stored.posterior[NAMES[0]])
    groups = read.groups() if callable(read.groups) else read.groups
    assert {group.strip("/") for group in groups} - {""} == {
        "posterior",
        "sample_stats",
        "log_likelihood",
        "posterior_predictive",
        "observed_data",
    }


@pytest.mark.parametrize("kind", FIGURES)
def test_figures_from_stored_draws(stored, model, kind, tmp_path):
    """Every figure can be drawn from a file of draws."""
    priors = {p.name: p for p in densities(model, NAMES, None)}
    figure = posterior_figure(model, stored, cj.report(stored), priors, kind)
    assert cj.plots.save(figure, tmp_path / "f.png").read_bytes().startswith(PNG)
    labels = {text for a in figure.axes for text in (a.get_xlabel(), a.get_ylabel())}
    if kind == "predictive":
        seen = next(x for x in figure.axes[0].lines if x.get_gid() == "data")
        np.testing.assert_array_equal(seen.get_ydata(), cj.experiments.csi_2017().observed)
    else:
        assert {model.parameters[n].label for n in NAMES} <= labels
    if kind == "corner":
        (curve,) = [x for x in figure.axes[0].lines if x.get_gid() == "prior"]
        np.testing.assert_allclose(curve.get_ydata(), 1.0)


def test_text_and_json_file(run, resampled, stored, tmp_path):
    resampled(stored)
    words = ("--figure", "trace", "--plot", "t.pdf", "--output", "p.json")
    done = run("sample", "csi-2017", *PRIOR, *words)
    assert done.code == 0, done.err
    assert done.out.startswith("csi-2017: converged\n")
    for text in (
        "R-hat",
        "ESS bulk",
        "of 2400 draws diverged",
        "sin2_theta_w Gaussian 0.24 ± 0.05",
    ):
        assert text in done.out
    assert done.err.splitlines() == ["wrote p.json", "wrote t.pdf"]
    written = json.loads((tmp_path / "p.json").read_text())
    assert list(written["parameters"]) == NAMES


# --- chains that did not converge ---
def test_a_warning_names_the_remedy_and_strict_sets_the_status(run, resampled, stored, tmp_path):
    moved = copy.deepcopy(stored)
    moved.posterior["sin2_theta_w"][0] += 0.2
    resampled(moved)
    done = run("sample", "csi-2017", "--output", "p.nc", "--plot", "p.png")
    assert done.code == 0
    assert done.out.startswith("csi-2017: not converged\n")
    warning = done.err.splitlines()[1]
    assert warning.startswith("warning: chains disagree on sin2_theta_w (R-hat up to")
    assert "raise warmup and draws" in warning
    assert (tmp_path / "p.nc").exists()
    assert (tmp_path / "p.png").exists()
    done = run("sample", "csi-2017", "--json", "--strict")
    assert done.code == 1
    assert json.loads(done.out)["status"].startswith("chains disagree")


def test_advice_is_in_the_words_of_the_command_line(run, resampled, stored):
    stray = copy.deepcopy(stored)
    stray.sample_stats["diverging"][0, :50] = True
    resampled(stray)
    done = run("sample", "csi-2017", "--json")
    assert "50 divergent transitions" in done.err
    assert "--target-accept 0.95" in done.err
    assert "--marginalise" in done.err
    assert json.loads(done.out)["divergences"] == 50


def test_one_chain_has_no_r_hat(run, resampled, stored):
    resampled(stored.isel(chain=[0]))
    done = run("sample", "csi-2017", "--json", "--strict")
    assert done.code == 1
    assert json.loads(done.out)["parameters"]["sin2_theta_w"]["r_hat"] is None
    assert "run four chains" in done.err


# --- files ---
def test_nothing_is_overwritten(run, resampled, stored, tmp_path):
    resampled(stored)
    (tmp_path / "p.nc").write_text("keep")
    done = run("sample", "csi-2017", "--output", "p.nc")
    assert done.code == 2
    assert "p.nc exists; choose another name or pass --overwrite" in done.err
    assert (tmp_path / "p.nc").read_text() == "keep"
    assert run("sample", "csi-2017", "--output", "p.nc", "--overwrite").code == 0
    back = arviz.from_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    np.testing.assert_array_equal(back.posterior["sin2_theta_w"], stored.posterior["sin2_theta_w"])
    assert {p.name for p in tmp_path.iterdir()} == {"p.nc"}


# --- bad input ---
OWN = """
from cevnsjax import Charges, Parameter


def extra(values, nucleus):
    charge = values["my_eps"] * nucleus.NF_n
    return Charges(vector={(s, "mu"): charge for s in nucleus.sources if "mu" in s})


extra.parameters = [Parameter("my_eps", "my coupling", 0.0, scale=0.1)]
"""

CASES = [
    # priors
    (f"{SAMPLE} --prior sin2_theta_w", "--prior 'sin2_theta_w' should read name=value"),
    (f"{SAMPLE} --prior sin2_theta_w=gauss:0,1", "unknown prior 'gauss'"),
    (f"{SAMPLE} --prior sin2_theta_w=normals:0,1", "did you mean normal"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:0.2", "should read sin2_theta_w=normal:mean,sd"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:0.2,0.1,3", "should read sin2_theta_w=normal:mean,sd"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:a,b", "should read sin2_theta_w=normal:mean,sd"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:0.2,-1", "needs sd > 0"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:nan,1", "needs finite numbers"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:0.2,inf", "needs finite numbers"),
    (f"{SAMPLE} --prior sin2_theta_w=uniform:0.3,0.2", "needs low < high"),
    (f"{SAMPLE} --prior sin2_theta_w=uniform:-1,0.2", "reaches outside its bounds [0, 1]"),
    (f"{SAMPLE} --prior sin2_theta_w=normal:5,0.1", "next to nothing within its bounds"),
    (f"{SAMPLE} --prior sin2=uniform:0,1", "unknown parameter 'sin2'; did you mean sin2_theta_w"),
    (f"{SAMPLE} --prior R_n_Cs=uniform:4,6", "R_n_Cs, which does not vary"),
    (
        f"{SAMPLE} --marginalise --prior alpha_sig_csi2017=normal:0,1",
        "drop its prior, or leave marginalise_linear=True (--marginalise) out",
    ),
    (
        f"{SAMPLE} --prior sin2_theta_w=uniform:0,1 --prior sin2_theta_w=normal:0,1",
        "--prior sin2_theta_w is given twice",
    ),
    # numbers
    (f"{SAMPLE} --chains 0", "chains must be a whole number >= 1"),
    (f"{SAMPLE} --draws 0", "draws must be a whole number >= 1"),
    (f"{SAMPLE} --warmup -1", "warmup must be a whole number >= 0"),
    (f"{SAMPLE} --seed -1", "seed must be a whole number >= 0"),
    (f"{SAMPLE} --target-accept 1", "target_accept must lie within (0, 1)"),
    (f"{SAMPLE} --draws many", "--draws"),
    # parameters
    (f"{SAMPLE} --free sin2_theta", "did you mean sin2_theta_w"),
    (f"{SAMPLE} --free sin2_theta_w --fix sin2_theta_w=0.2", "both free and fixed"),
    (f"{SAMPLE} --free R_n_Cs --fix sin2_theta_w=3", "outside its bounds [0, 1]"),
    ("sample", "name an experiment (csi-2017"),
    # figures and files
    (f"{SAMPLE} --figure pie --plot new.png", "unknown figure 'pie'"),
    (f"{SAMPLE} --draws 19 --plot new.png", "a figure needs 20 draws at least, got 19"),
    (f"{SAMPLE} lar-2020 --figure predictive --plot new.png", "draw them one by one"),
    (f"{SAMPLE} --output new.csv", "use one of .nc, .json"),
    (f"{SAMPLE} --plot there.png", "there.png exists"),
    (f"{SAMPLE} --output there.json", "there.json exists"),
    (
        f"{SAMPLE} --interaction own:extra --free my_eps",
        "(--prior my_eps=normal:mean,sd or uniform:low,high)",
    ),
]


@pytest.mark.parametrize(("words", "message"), CASES, ids=[words for words, _ in CASES])
def test_bad_input_is_one_line_and_nothing_is_sampled(run, tmp_path, monkeypatch, words, message):
    def refuse(*_, **__):
        pytest.fail("chains were started")

    monkeypatch.setattr(posterior_draws, "run_chains", refuse)
    for name in ("there.json", "there.png"):
        (tmp_path / name).write_text("keep")
    (tmp_path / "own.py").write_text(OWN)
    before = {p.name for p in tmp_path.iterdir()}
    done = run(*words.split())
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert message in done.err
    assert {p.name for p in tmp_path.iterdir()} - {"__pycache__"} == before
    assert (tmp_path / "there.json").read_text() == "keep"


def test_priors_from_option_values():
    words = ["a=normal:0.2,1e-2", "b=uniform:-1,2.5"]
    assert priors_of(words) == {"a": Normal(0.2, 0.01), "b": Uniform(-1.0, 2.5)}
    assert priors_of([]) == {}


def test_numbers_reach_the_library(run, monkeypatch, stored):
    """Every option reaches the library with the value that was passed."""
    asked = {}

    def listen(_, free, **options):
        asked.update(options, free=free)
        return stored

    monkeypatch.setattr(sampling, "sample_tree", listen)
    words = "--chains 3 --draws 50 --warmup 20 --seed 9 --target-accept 0.9 --marginalize"
    more = ("--free", "sin2_theta_w", "--fix", "R_n_Cs=5", "--prior", "sin2_theta_w=uniform:0,0.5")
    assert run("sample", "csi-2017", *words.split(), *more).code == 0
    expected = {
        "free": ["sin2_theta_w"],
        "method": "nuts",
        "fixed": {"R_n_Cs": 5.0},
        "priors": {"sin2_theta_w": Uniform(0.0, 0.5)},
        "chains": 3,
        "draws": 50,
        "warmup": 20,
        "seed": 9,
        "marginalise_linear": True,
        "target_accept": 0.9,
    }
    assert asked == {**expected, "folder": None, "resume": False}
    assert run("sample", "csi-2017", "--method", "smc").code == 0
    assert asked["method"] == "smc"
    assert asked["free"] is None

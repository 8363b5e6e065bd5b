"""Commands in process: their JSON, text and files, against the library."""

import json
import math

import jax
import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax import Model, StandardModel, analyses, fit, profile
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.fits.fit_result import FitResult

PNG = b"\x89PNG\r\n\x1a\n"


def as_object(run):
    """The JSON value on stdout, which holds nothing else."""
    assert run.code == 0, run.err
    assert run.out.count("\n") == 1
    return json.loads(run.out)


# --- fit ---
def test_fit_json(run, tmp_path):
    done = run("fit", "csi-2017", "--json", "--output", "fit.json", "--plot", "fit.png")
    got = as_object(done)
    assert set(got) >= {
        "analysis",
        "experiments",
        "values",
        "errors",
        "covariance",
        "at_bound",
        "chi2",
        "ndf",
        "p_value",
        "status",
    }
    expected = fit(Model(csi_2017(), [StandardModel()]))
    assert got == expected.to_dict()
    assert got["experiments"] == ["csi-2017"]
    assert got["analysis"] == ""
    assert isinstance(got["ndf"], int)
    assert isinstance(got["chi2"], float)
    assert list(got["values"]) == list(got["errors"])
    assert np.shape(got["covariance"]) == (3, 3)
    assert got["at_bound"] == []
    assert got["status"] == "converged"
    written = (tmp_path / "fit.json").read_text()
    assert json.loads(written) == got
    assert FitResult.from_json(tmp_path / "fit.json").to_dict() == expected.to_dict()
    assert (tmp_path / "fit.png").read_bytes().startswith(PNG)
    assert done.err.splitlines() == ["wrote fit.json", "wrote fit.png"]
    assert {p.name for p in tmp_path.iterdir()} == {"fit.json", "fit.png"}


def test_fit_text(run):
    done = run("fit", "csi-2017")
    assert done.code == 0
    assert "sin2_theta_w" in done.out
    assert "weak mixing angle" in done.out
    assert "chi2/ndf = 2.743/11" in done.out
    assert done.err == ""


def test_fit_options(run):
    words = ("fit", "csi-2017", "--free", "R_n_Cs", "--fix", "sin2_theta_w=0.22", "--json")
    got = as_object(run(*words, "--set", "pulls.sig=0.28", "--set", "couplings=tree"))
    model = Model(csi_2017(pulls={"sig": 0.28}), [StandardModel("tree")])
    assert got == fit(model, free=["R_n_Cs"], fixed={"sin2_theta_w": 0.22}).to_dict()
    assert got["fixed"] == {"sin2_theta_w": 0.22}


def test_fit_that_does_not_converge_exits_1(run):
    done = run("fit", "csi-2017", "--set", "statistic=counting", "--free", "R_n_Cs")
    assert done.code == 0
    words = ("--free", "R_n_Cs", "--free", "R_n_I", "--json")
    done = run("fit", "csi-2017", "--set", "statistic=counting", *words)
    assert done.code == 1
    got = json.loads(done.out)
    assert got["status"].startswith("flat")
    assert got["errors"]["R_n_Cs"] is None
    assert got["covariance"][0][0] is None


def test_several_words_for_one_option(run):
    """A list reaches the experiment as a list, from a comma or from JSON."""
    for text in ("6,8,10,14", "[6, 8, 10, 14]"):
        got = as_object(run("predict", "csi-2017", "--set", f"bins={text}", "--json"))
        assert got["edges"]["n_pe"] == [6.0, 8.0, 10.0, 14.0]


# --- analyses ---
def test_analysis_and_its_options(run):
    words = ("fit", "--analysis", "papoulias2020", "--json")
    new, old = as_object(run(*words)), as_object(run(*words, "--set", "quenching=old"))
    assert new == fit(analyses.papoulias2020()).to_dict()
    assert old == fit(analyses.papoulias2020("old")).to_dict()
    assert old["analysis"] == "papoulias2020"
    assert old["chi2"] != pytest.approx(new["chi2"], rel=1e-3)


def test_naming_the_radius_frees_it(run):
    words = ("profile", "--analysis", "papoulias2020", "--parameter", "R_n", "--json")
    got = as_object(run(*words, "--level", "0.90"))
    expected = profile(analyses.papoulias2020(radius="free"), "R_n", levels=(0.90,))
    assert got == expected.to_dict()


# --- profile ---
def test_profile_json(run, tmp_path):
    words = ("--parameter", "sin2_theta_w", "--level", "0.6827", "--level", "0.99", "--json")
    got = as_object(run("profile", "csi-2017", *words, "--plot", "p.pdf", "--output", "p.json"))
    assert set(got) >= {"parameter", "best_fit", "chi2_min", "intervals"}
    assert got["parameter"] == "sin2_theta_w"
    assert list(got["intervals"]) == ["0.6827", "0.99"]
    for intervals in got["intervals"].values():
        assert [len(ends) for ends in intervals] == [2]
        assert intervals[0][0] < got["best_fit"] < intervals[0][1]
    assert json.loads((tmp_path / "p.json").read_text()) == got
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")


def test_profile_default_levels_and_text(run):
    done = run("profile", "csi-2017")
    assert done.code == 0
    for text in ("sin2_theta_w = 0.2239", "68.27% CL", "90.00% CL: [0.1544, 0.2929]", "95.45% CL"):
        assert text in done.out


def test_naming_a_shape_nuisance_switches_it_on(run):
    """A shape nuisance is profiled, scanned or held by name; held at nominal it has no effect."""
    done = run("profile", "csi-2017", "--parameter", "qf_scale_csi2017", "--json")
    got = as_object(done)
    assert got["best_fit"] == pytest.approx(0.9947, abs=1e-3)
    held = run("predict", "csi-2017", "--fix", "qf_scale_csi2017=1", "--json")
    plain = run("predict", "csi-2017", "--json")
    for source, counts in as_object(plain)["signal"].items():
        np.testing.assert_allclose(as_object(held)["signal"][source], counts, rtol=1e-12)
    more = as_object(run("predict", "csi-2017", "--fix", "qf_scale_csi2017=1.1", "--json"))
    assert sum(more["signal"]["nu_e"]) > sum(as_object(plain)["signal"]["nu_e"])
    scanned = run("scan", "csi-2017", "--x", "qf_scale_csi2017=0.9:1.1:3", "--json")
    assert len(as_object(scanned)["chi2"]) == 3


# --- scan ---
def test_scan_json_and_netcdf(run, tmp_path):
    axes = ("--x", "sin2_theta_w=0.1:0.4:4", "--y", "R_n_Cs=4:6:3")
    words = ("--json", "--output", "scan.nc", "--plot", "scan.png")
    got = as_object(run("scan", "csi-2017", *axes, *words))
    model = Model(csi_2017(), [StandardModel()])
    expected = cevnsjax.scan(model, sin2_theta_w=(0.1, 0.4, 4), R_n_Cs=(4.0, 6.0, 3))
    np.testing.assert_array_equal(got["chi2"], expected["chi2"].values)
    assert got["axes"]["R_n_Cs"] == [4.0, 5.0, 6.0]
    assert got["best_fit"] == {n: expected.attrs[f"best_fit_{n}"] for n in got["axes"]}
    assert list(got["levels"]) == ["0.6827", "0.90", "0.9545"]
    assert got["levels"]["0.90"] == pytest.approx(-2 * math.log(0.1))
    with xr.open_dataset(tmp_path / "scan.nc", engine="h5netcdf") as written:
        xr.testing.assert_equal(written, expected)
    assert (tmp_path / "scan.png").read_bytes().startswith(PNG)


def test_scan_of_one_axis_with_fixed_value(run, tmp_path):
    words = ("--fix", "R_n_Cs=5.5", "--output", "scan.json", "--plot", "scan.svg")
    done = run("scan", "csi-2017", "--x", "sin2_theta_w=0.2:0.3:3", *words)
    assert done.code == 0
    assert done.out.startswith("lowest chi2 = ")
    written = json.loads((tmp_path / "scan.json").read_text())
    model = Model(csi_2017(), [StandardModel()])
    for s, chi2 in zip(written["axes"]["sin2_theta_w"], written["chi2"], strict=True):
        one = model.profiled_nll({"sin2_theta_w": s, "R_n_Cs": 5.5})
        assert chi2 == pytest.approx(2 * float(one), rel=1e-12)
    assert "<svg" in (tmp_path / "scan.svg").read_text()


# --- predict ---
def test_predict_json(run, tmp_path):
    words = ("predict", "csi-2017", "--fix", "sin2_theta_w=0.2", "--json", "--plot", "p.png")
    got = as_object(run(*words))
    assert set(got) >= {"observables", "edges", "signal", "background", "observed"}
    assert got["observables"] == ["n_pe"]
    assert got["edges"]["n_pe"] == list(range(6, 31, 2))
    assert set(got["signal"]) == {"nu_mu", "nu_mu_bar", "nu_e"}
    model = Model(csi_2017(), [StandardModel()])
    parts = model.by_component({"sin2_theta_w": 0.2})["csi-2017"]
    for kind in ("signal", "background"):
        for name, counts in got[kind].items():
            np.testing.assert_allclose(counts, parts[kind][name], rtol=1e-14)
    assert got["observed"] == model.experiments["csi-2017"].observed.tolist()
    assert (tmp_path / "p.png").read_bytes().startswith(PNG)


def test_predict_text(run):
    done = run("predict", "csi-2017")
    assert done.code == 0
    for text in ("n_pe", "nu_mu_bar", "prompt_neutrons", "observed", "28-30", "sum"):
        assert text in done.out


# --- the rest ---
def test_info(run):
    got = as_object(run("info", "--json"))
    assert got["cevnsjax"] == cevnsjax.__version__
    assert got["jax"] == jax.__version__
    assert got["precision"] == "float64"
    assert len(got["devices"]) == len(jax.devices())
    assert "coherent_csi_2017" in got["data"]
    assert "float64" in run("info").out


def test_data_list_and_verify(run):
    listed = as_object(run("data", "list", "--json"))["datasets"]
    names = [d["name"] for d in listed]
    assert {"coherent_csi_2017", "csi_quenching", "nuclides", "published"} <= set(names)
    assert all(d["licence"] and d["source"] and d["title"] and d["files"] for d in listed)
    assert "nuclides" in run("data", "list").out
    verified = as_object(run("data", "verify", "--json"))["files"]
    assert {f["dataset"] for f in verified} == set(names)
    assert {f["status"] for f in verified} == {"ok"}
    one = run("data", "verify", "published")
    assert one.code == 0
    assert "papoulias2020.csv" in one.out
    assert "coherent_csi_2017" not in one.out


def test_overwrite(run, tmp_path):
    (tmp_path / "fit.json").write_text("old")
    assert run("fit", "csi-2017", "--output", "fit.json").code == 2
    assert (tmp_path / "fit.json").read_text() == "old"
    assert run("fit", "csi-2017", "--output", "fit.json", "--overwrite").code == 0
    assert json.loads((tmp_path / "fit.json").read_text())["status"] == "converged"


def test_fit_within_narrower_bounds(run):
    words = ("--free", "eps_dV_ee", "--bounds", "eps_dV_ee=0.1:0.5", "--starts", "3", "--json")
    done = run("fit", "csi-2017", *words, "--seed", "2")
    assert done.code == 0, done.err
    assert 0.1 <= json.loads(done.out)["values"]["eps_dV_ee"] <= 0.5
    wrong = run("fit", "csi-2017", "--free", "eps_dV_ee", "--bounds", "eps_dV_ee=0.1")
    assert wrong.code == 2
    assert "should read low:high" in wrong.err


def test_a_grid_of_one_point_is_called_that(run):
    done = run("scan", "csi-2017", "--x", "sin2_theta_w=0.2:0.3:1")
    assert "a grid of one point" in done.err
    assert "does not depend" not in done.err

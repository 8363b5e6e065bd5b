"""Pseudo-experiments on the command line: results are those of the library."""

import json

import numpy as np
import pytest
import xarray as xr

import cevnsjax as cj

PNG = b"\x89PNG"


def as_object(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


def test_toys(run, model, tmp_path):
    words = (
        "--toys",
        "2000",
        "--test",
        "sin2_theta_w",
        "--truth",
        "sin2_theta_w=0.2",
        "--seed",
        "5",
    )
    files = ("--output", "t.nc", "--plot", "t.png")
    got = as_object(run("toys", "csi-2017", *words, *files, "--json"))
    want = cj.toys(model, 2000, test="sin2_theta_w", truth={"sin2_theta_w": 0.2}, seed=5)
    assert got["p_value"] == want.attrs["p_value"]
    assert got["n"] == 2000
    assert (tmp_path / "t.png").read_bytes().startswith(PNG)
    with xr.open_dataset(tmp_path / "t.nc", engine="h5netcdf") as written:
        np.testing.assert_array_equal(written["q"].values, want["q"].values)
    again = run("toys", "csi-2017", *words, *files)
    assert again.code == 2
    assert "exists" in again.err


def test_toys_without_auxiliary_measurements(run, model):
    words = ("--toys", "1000", "--test", "sin2_theta_w", "--no-auxiliary")
    got = as_object(run("toys", "csi-2017", *words, "--json"))
    want = cj.toys(model, 1000, test="sin2_theta_w", auxiliary=False)
    assert got["auxiliary"] == 0
    assert got["q_quantiles"]["0.90"] == pytest.approx(float(want["q"].quantile(0.90)), rel=1e-12)


def test_toys_as_text_with_aliases_of_options(run):
    done = run(
        "toys", "csi-2017", "--n", "500", "--test", "sin2_theta_w", "--true", "sin2_theta_w=0.2"
    )
    assert done.code == 0, done.err
    assert "500 pseudo-experiments at sin2_theta_w = 0.2 " in done.out
    assert "q at 68.27 %, 90 %, 95.45 %" in done.out


def test_feldman_cousins(run, model, tmp_path):
    words = ("--axis", "sin2_theta_w=0.1:0.35:11", "--toys", "2048", "--level", "0.90")
    files = ("--output", "f.nc", "--plot", "f.png")
    got = as_object(run("feldman-cousins", "csi-2017", *words, *files, "--json"))
    want = cj.feldman_cousins(model, levels=0.90, toys=2048, sin2_theta_w=(0.1, 0.35, 11))
    assert got["intervals"] == json.loads(want.attrs["intervals"])
    assert got["p_value"] == want["p_value"].values.tolist()
    assert (tmp_path / "f.png").read_bytes().startswith(PNG)
    with xr.open_dataset(tmp_path / "f.nc", engine="h5netcdf") as written:
        np.testing.assert_array_equal(written["critical"].values, want["critical"].values)


def test_feldman_cousins_as_text(run):
    done = run("fc", "csi-2017", "--parameter", "sin2_theta_w", "--toys", "1024")
    assert done.code == 0, done.err
    assert "best fit sin2_theta_w = 0.22391" in done.out
    assert "0.6827: [0.18" in done.out


def test_region_of_two(run, tmp_path):
    axes = ("--axis", "eps_uV_ee=-0.3:0.7:4", "--axis", "eps_uV_mumu=-0.3:0.7:4")
    words = ("--toys", "1024", "--level", "0.90", "--plot", "r.png")
    done = run("fc", "csi-2017", *axes, *words)
    assert done.code == 0, done.err
    assert "16 points" in done.out
    assert (tmp_path / "r.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("toys", "csi-2017", "--toys", "0"), "toys must be a whole number"),
        (("toys", "csi-2017", "--test", "nothing"), "nothing"),
        (("toys", "csi-2017", "--truth", "sin2_theta_w"), "name=value"),
        (("toys", "csi-2017", "--truth", "sin2_theta_w=x"), "not a number"),
        (("toys", "csi-2017", "--output", "x.csv"), "ending"),
        (("fc", "csi-2017", "--level", "1.5"), "within (0, 1)"),
        (("fc", "csi-2017", "--true-nuisances", "all"), "nuisances"),
        (("fc", "csi-2017", "--parameter", "R_n_Cs", "--axis", "sin2_theta_w=0:1:3"), "not both"),
    ],
    ids=["n", "name", "word", "number", "ending", "level", "nuisances", "both"],
)
def test_bad_input(run, words, message):
    done = run(*words)
    assert done.code == 2
    assert message in done.err

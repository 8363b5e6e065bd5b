"""The forecast command: arguments of the library call, files, and one-line errors."""

import json

import numpy as np
import pytest
import xarray as xr

import cevnsjax as cj

PNG = b"\x89PNG"
ONE_CELL = ("csi-2017", "--set", "statistic=counting")


def as_object(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017(statistic="counting"))


def test_against_exposure_with_files(run, tmp_path, model):
    files = ("--plot", "f.png", "--output", "f.nc")
    over = ("--over", "exposure=0.1:10:3:log", "--level", "0.6827", "--level", "0.90")
    got = as_object(run("forecast", *ONE_CELL, *over, *files, "--json"))
    expected = cj.forecast(
        model, "sin2_theta_w", over={"exposure": [0.1, 1.0, 10.0]}, level=[0.6827, 0.90]
    )
    np.testing.assert_allclose(got["exposure"], [0.1, 1.0, 10.0], rtol=1e-14)
    for name in ("sd", "low", "high"):
        np.testing.assert_allclose(got[name], expected[name].values, rtol=1e-9, atol=1e-12)
    assert got["levels"] == [0.6827, 0.90]
    assert got["converged"] == [True] * 3
    assert (got["experiments"], got["free"], got["over"]) == (["csi-2017"], [], "exposure")
    assert (tmp_path / "f.png").read_bytes().startswith(PNG)
    with xr.open_dataset(tmp_path / "f.nc", engine="h5netcdf") as written:
        np.testing.assert_allclose(written["sd"], got["sd"], rtol=1e-15)


@pytest.mark.parametrize(("side", "z"), [("lower", 1.2815516), ("both", 1.6448536)])
def test_the_plot_has_the_levels_of_its_limits(run, monkeypatch, side, z):
    """Lines of a quadratic chi2 lie z(0.90) standard errors away: one-sided or two-sided."""
    figures, draw = [], cj.plots.forecast

    def kept(*args, **options):
        figures.append(draw(*args, **options))
        return figures[-1]

    monkeypatch.setattr(cj.plots, "forecast", kept)
    words = ("--over", "exposure=1:4:2", "--side", side, "--level", "0.90", "--plot", "f.png")
    got = as_object(run("forecast", *ONE_CELL, *words, "--json"))
    (figure,) = figures
    dashed = [x.get_ydata() for x in figure.axes[0].lines if x.get_linestyle() == "--"]
    reach = z * np.array(got["sd"])
    np.testing.assert_allclose(dashed, [got["truth"] - reach, got["truth"] + reach], rtol=1e-6)


def test_text_truth_and_json_file(run, tmp_path, model):
    words = ("--truth", "sin2_theta_w=0.22", "--output", "f.json")
    done = run("forecast", *ONE_CELL, *words)
    assert done.code == 0, done.err
    assert "sin2_theta_w = 0.22, expected" in done.out
    written = json.loads((tmp_path / "f.json").read_text())
    sd = cj.fisher(model, truth={"sin2_theta_w": 0.22}).errors["sin2_theta_w"]
    assert written["sd"] == [pytest.approx(sd, rel=1e-12)]
    assert written["exposure"] == [1.0]


def test_an_option_of_the_experiment(run):
    got = as_object(run("forecast", *ONE_CELL, "--over", "pulls.sig=0.05:0.1:2", "--json"))
    sd = [
        cj.fisher(cj.Model(cj.experiments.csi_2017(statistic="counting", pulls={"sig": s})))
        for s in (0.05, 0.1)
    ]
    assert got["sd"] == [pytest.approx(one.errors["sin2_theta_w"], rel=1e-12) for one in sd]


def test_no_error_and_no_limit_are_null(run):
    words = ("--parameter", "R_n_Cs", "--over", "exposure=1e-4:1e-3:2", "--json")
    got = as_object(run("forecast", *ONE_CELL, *words))
    assert got["high"] == [[None, None, None], [None, None, None]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--over", "exposure=0:1:3"), "exposure must be > 0, got 0"),
        (("--over", "exposure=0:1:3:log"), "must start above 0"),
        (("--over", "exposure=2:1:3"), "low < high"),
        (("--over", "exposure=1"), "should read name=low:high:points"),
        (("--over", "exposur=1:2:3"), "unknown option 'exposur'"),
        (("--over", "exposure.lar=1:2:3"), "unknown experiment 'lar'"),
        (("--parameter", "sin2"), "unknown parameter 'sin2'"),
        (("--level", "1.5"), "got 1.5"),
        (("--truth", "sin2_theta_w"), "should read name=value"),
        (("--truth", "sin2_theta_w=big"), "'big' is not a number"),
        (("--truth", "R_n_Cs=5", "--truth", "R_n_Cs=4"), "given twice"),
        (("--plot", "x.png"), "a figure needs two points"),
        (("--output", "x.txt"), "use one of .nc, .json"),
        (("--statistical", "R_n_Cs"), "no constraint"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_bad_input_is_one_line(run, words, message):
    done = run("forecast", *ONE_CELL, *words)
    assert done.code != 0
    assert message in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err

"""Options of scans, profiles and fits on the command line: arguments of the library calls."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from cevnsjax import NSI, Model, StandardModel
from cevnsjax.experiments import csi_2017

PNG = b"\x89PNG"


def as_object(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def chi2_of(model):
    return lambda **values: 2 * float(model.profiled_nll(values))


def test_log_axis(run, tmp_path):
    words = ("--x", "g_Zp=1e-6:1e-4:5:log", "--y", "m_Zp=1:100:3:log", "--plot", "z.png", "--json")
    got = as_object(run("scan", "csi-2017", *words))
    np.testing.assert_allclose(got["axes"]["m_Zp"], [1.0, 10.0, 100.0], rtol=1e-14)
    np.testing.assert_allclose(np.diff(np.log10(got["axes"]["g_Zp"])), 0.5, rtol=1e-10)
    assert (tmp_path / "z.png").read_bytes().startswith(PNG)


def test_three_axes_are_projected(run, tmp_path):
    axes = [f"--axis={n}=-1:1:6" for n in ("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu")]
    got = as_object(run("scan", "csi-2017", *axes, "--plot", "three.png", "--json"))
    assert np.shape(got["chi2"]) == (6, 6, 6)
    assert list(got["axes"]) == ["eps_uV_ee", "eps_dV_ee", "eps_uV_mumu"]
    assert (tmp_path / "three.png").read_bytes().startswith(PNG)


def test_scan_over_a_further_parameter_with_nuisances(run, tmp_path):
    words = ("--x", "eps_uV_ee=-0.4:0.4:3", "--free", "eps_uV_mumu", "--keep-nuisances")
    done = run("scan", "csi-2017", *words, "--output", "s.nc")
    assert done.code == 0, done.err
    model = Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee", "eps_uV_mumu")])
    chi2 = chi2_of(model)
    with xr.open_dataset(tmp_path / "s.nc", engine="h5netcdf") as written:
        assert written.attrs["engine"] == "newton"
        assert bool(written["converged"].all())
        for x, least in zip(written["eps_uV_ee"].values, written["chi2"].values, strict=True):
            best = min(
                minimize_scalar(
                    lambda y, x=x: chi2(eps_uV_ee=float(x), eps_uV_mumu=float(y)),
                    bounds=ends,
                    method="bounded",
                    options={"xatol": 1e-10},
                ).fun
                for ends in ((-1.0, 0.2), (0.2, 1.5))
            )
            assert least == pytest.approx(best, abs=1e-8)
        at = {n: float(written[n][0]) for n in ("eps_uV_ee", "eps_uV_mumu")}
        pulls = model.best_pulls(at)
        assert float(written["alpha_sig_csi2017"][0]) == pytest.approx(
            float(pulls["alpha_sig_csi2017"]), abs=1e-9
        )


def test_upper_limit_and_range(run):
    words = ("--parameter", "g_Zp", "--fix", "m_Zp=1000", "--within", "0:0.002", "--level", "0.90")
    got = as_object(run("profile", "csi-2017", *words, "--side", "upper", "--json"))
    assert got["side"] == "upper"
    assert got["levels"]["0.90"] == pytest.approx(norm.ppf(0.90) ** 2, rel=1e-10)
    assert got["intervals"]["0.90"][0][0] == 0.0
    assert got["open_at"] == [0.002]
    assert max(got["curve"]["x"]) == 0.002


@pytest.mark.parametrize("figure", ["spectrum", "pulls", "impacts", "correlations"])
def test_figures_of_a_fit(run, tmp_path, figure):
    done = run("fit", "csi-2017", "--figure", figure, "--plot", "fit.png")
    assert done.code == 0, done.err
    assert (tmp_path / "fit.png").read_bytes().startswith(PNG)


def test_stored_scans_over_each_other(run, tmp_path):
    axes = ("--x", "eps_uV_ee=-1:1:9", "--y", "eps_dV_ee=-1:1:8")
    for name, extra in (("one", ()), ("two", ("lar-2020",))):
        assert run("scan", "csi-2017", *extra, *axes, "--output", f"{name}.nc").code == 0
    words = ("one.nc", "both=two.nc", "--point", "SM=0:0", "--plot", "over.png")
    assert run("contours", *words).code == 0
    assert (tmp_path / "over.png").read_bytes().startswith(PNG)
    again = run("contours", *words)
    assert again.code == 2
    assert "over.png exists" in again.err
    assert run("contours", "one.nc", "one.nc", "--plot", "x.png").code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("scan csi-2017 --x sin2_theta_w=0:1:5:cube", "should read name=low:high:points"),
        ("scan csi-2017 --x sin2_theta_w=0:1:5:log", "must start above 0"),
        ("scan csi-2017 --x sin2_theta_w=0:1:5 --axis sin2_theta_w=0:1:3", "two axes name"),
        ("scan csi-2017 --x sin2_theta_w=0:1:3 --free sin2_theta_w", "leave it out of free"),
        ("scan csi-2017 --axis R_n_Cs=3:6:2000 --axis R_n_I=3:6:2000 --json", "too many for JSON"),
        ("profile csi-2017 --within 0.3", "should read low:high"),
        ("profile csi-2017 --within 0.3:0.1", "must increase"),
        ("profile csi-2017 --side left", "unknown side"),
        ("profile csi-2017 --side upper --level 0.4", "levels above 0.5"),
        ("fit csi-2017 --figure pie --plot x.png", "unknown figure"),
        ("contours missing.nc --plot x.png", "there is no file missing.nc"),
    ],
)
def test_bad_options(run, tmp_path, words, message):
    done = run(*words.split())
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert message in done.err
    assert not list(tmp_path.iterdir())

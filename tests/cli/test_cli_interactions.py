"""Interactions from the command line: switched on by naming a parameter, by option or by path."""

import json
import re

import numpy as np
import pytest

from cevnsjax import (
    NSI,
    ChargeRadius,
    LightVector,
    MagneticMoment,
    Millicharge,
    Model,
    StandardModel,
    analyses,
    fit,
    profile,
    scan,
    spectrum,
)
from cevnsjax.experiments import csi_2017

PNG = b"\x89PNG\r\n\x1a\n"
OWN = """
from cevnsjax import Charges, Parameter


def extra(values, nucleus):
    charge = values["my_eps"] * nucleus.NF_n
    return Charges(vector={(s, "mu"): charge for s in nucleus.sources if "mu" in s})


extra.parameters = [Parameter("my_eps", "my coupling", 0.0, (-5.0, 5.0), scale=0.1)]


def bare(values, nucleus):
    return Charges()
"""


def as_object(run):
    """The one JSON value on stdout."""
    assert run.code == 0, run.err
    return json.loads(run.out)


def model(*interactions):
    return Model(csi_2017(), [StandardModel(), *interactions])


# --- naming a parameter switches its interaction on ---
def test_free(run):
    got = as_object(run("fit", "csi-2017", "--free", "eps_uV_mumu", "--json"))
    assert got == fit(model(NSI("eps_uV_mumu")), ["eps_uV_mumu"]).to_dict()
    assert got["status"] == "converged"


def test_fix(run):
    got = as_object(run("predict", "csi-2017", "--fix", "mu_nu=40", "--json"))
    expected = model(MagneticMoment()).by_component({"mu_nu": 40.0})["csi-2017"]["signal"]
    plain = as_object(run("predict", "csi-2017", "--json"))["signal"]
    for source, counts in got["signal"].items():
        np.testing.assert_allclose(counts, expected[source], rtol=1e-12)
        assert sum(counts) > sum(plain[source]) + 1


def test_free_and_fix_together(run):
    """Two parameters of two interactions."""
    words = ("--free", "q_nu_ee", "--fix", "r2_nu_e=5", "--json")
    got = as_object(run("fit", "csi-2017", *words))
    both = model(ChargeRadius("r2_nu_e", per_source=True), Millicharge("q_nu_ee"))
    assert got == fit(both, ["q_nu_ee"], fixed={"r2_nu_e": 5.0}).to_dict()


def test_parameter(run):
    words = ("--parameter", "eps_dV_ee", "--level", "0.90", "--json")
    got = as_object(run("profile", "csi-2017", *words))
    assert got == profile(model(NSI("eps_dV_ee")), "eps_dV_ee", levels=(0.9,)).to_dict()


def test_axes(run, tmp_path):
    words = ("--x", "eps_uV_ee=-1:1:5", "--y", "eps_uV_mumu=-0.5:0.5:3", "--json")
    got = as_object(run("scan", "csi-2017", *words, "--plot", "nsi.png"))
    both = model(NSI("eps_uV_ee", "eps_uV_mumu"))
    expected = scan(both, eps_uV_ee=(-1, 1, 5), eps_uV_mumu=(-0.5, 0.5, 3))
    np.testing.assert_allclose(got["chi2"], expected["chi2"], rtol=1e-12)
    assert (tmp_path / "nsi.png").read_bytes().startswith(PNG)


def test_mediator_plane(run):
    words = ("--x", "m_Zp=1:101:3", "--y", "g_Zp=0:1e-4:4", "--set", "light_vector.charges=B-L")
    got = as_object(run("scan", "csi-2017", *words, "--json"))
    expected = scan(model(LightVector("B-L")), m_Zp=(1, 101, 3), g_Zp=(0, 1e-4, 4))
    np.testing.assert_allclose(got["chi2"], expected["chi2"], rtol=1e-12)


# --- options ---
@pytest.mark.parametrize("charges", ["B-L", "L_mu-L_tau", "1,1,-3,0,0.5"])
def test_gauge_charges(run, charges):
    words = ("--fix", "g_Zp=1e-4", "--fix", "m_Zp=20", "--json")
    got = as_object(run("predict", "csi-2017", *words, "--set", f"light_vector.charges={charges}"))
    numbers = tuple(json.loads(f"[{charges}]")) if "," in charges else charges
    values = {"g_Zp": 1e-4, "m_Zp": 20.0}
    expected = model(LightVector(numbers)).by_component(values)["csi-2017"]["signal"]
    for source, counts in got["signal"].items():
        np.testing.assert_allclose(counts, expected[source], rtol=1e-12)


def test_options_of_an_analysis(run):
    """The reading of the paper is the default; --set replaces it."""
    words = ("predict", "--analysis", "papoulias2020", "--fix", "mu_nu=30", "--json")
    two = as_object(run(*words))["signal"]
    one = as_object(run(*words, "--set", "magnetic_moment.form_factor_power=1"))["signal"]
    option = {"magnetic_moment": {"form_factor_power": 1}}
    expected = analyses.analysis("papoulias2020", named=["mu_nu"], interaction_options=option)
    counts = expected.by_component({"mu_nu": 30.0})["csi-2017"]["signal"]
    for source in one:
        np.testing.assert_allclose(one[source], counts[source], rtol=1e-12)
        assert sum(one[source]) > sum(two[source])


def test_sources_of_a_radius(run):
    words = ("profile", "--analysis", "papoulias2020", "--parameter", "r2_nu_mu_bar", "--json")
    got = as_object(run(*words, "--level", "0.90"))
    expected = analyses.analysis("papoulias2020", named=["r2_nu_mu_bar"])
    assert got == profile(expected, "r2_nu_mu_bar", levels=(0.9,)).to_dict()


# --- spectra ---
@pytest.mark.parametrize(
    ("quantity", "units", "shape"),
    [("dR_dT_nr", "1/kg/MeV", (3, 200)), ("dsigma_dT_nr", "cm^2/MeV", (3, 2, 200))],
)
def test_recoil_spectra(run, tmp_path, quantity, units, shape):
    words = ("--fix", "g_Zp=5e-5", "--fix", "m_Zp=10", "--quantity", quantity, "--json")
    got = as_object(run("predict", "csi-2017", *words, "--plot", "r.png", "--output", "r.json"))
    assert got["quantity"] == quantity
    assert got["units"] == units
    assert np.shape(got["values"]) == shape
    expected = spectrum(model(LightVector()), {"g_Zp": 5e-5, "m_Zp": 10.0}, quantity=quantity)
    np.testing.assert_allclose(got["values"], expected, rtol=1e-12)
    np.testing.assert_allclose(got["T_nr"], expected["T_nr"], rtol=1e-12)
    assert got["source"] == expected["source"].values.tolist()
    assert json.loads((tmp_path / "r.json").read_text()) == got
    assert (tmp_path / "r.png").read_bytes().startswith(PNG)


def test_energy_of_the_cross_section(run):
    words = ("predict", "csi-2017", "--quantity", "dsigma_dT_nr", "--json")
    got = as_object(run(*words, "--energy", "50"))
    top = max(got["T_nr"])
    assert top == pytest.approx(2 * 50**2 / 118183.6852, rel=1e-9)
    assert top > max(as_object(run(*words))["T_nr"])


def test_unknown_quantity(run):
    done = run("predict", "csi-2017", "--quantity", "dR_dT")
    assert done.code == 2
    assert "unknown quantity 'dR_dT'; did you mean dR_dT_nr" in done.err


def test_recoil_table(run):
    done = run("predict", "csi-2017", "--quantity", "dR_dT_nr", "--fix", "xi_S=0.3")
    assert done.code == 0
    assert "dR_dT_nr [1/kg/MeV]" in done.out
    assert "nu_mu_bar" in done.out


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_comparison_figure(run, tmp_path, suffix):
    """Beside a spectrum beyond the Standard Model that of the Standard Model is drawn."""
    done = run("predict", "csi-2017", "--fix", "eps_uV_ee=0.3", "--plot", f"compare.{suffix}")
    assert done.code == 0, done.err
    assert (tmp_path / f"compare.{suffix}").stat().st_size > 5000
    if suffix == "svg":
        assert "Standard Model" in (tmp_path / "compare.svg").read_text()


# --- interactions of the user ---
def test_own_interaction(run, tmp_path):
    (tmp_path / "my_physics.py").write_text(OWN)
    words = ("csi-2017", "--interaction", "my_physics:extra", "--json")
    got = as_object(run("fit", *words, "--free", "my_eps"))
    assert got["status"] == "converged"
    by_nsi = fit(model(NSI("eps_uV_mumu")), ["eps_uV_mumu"])
    assert got["chi2"] == pytest.approx(by_nsi.chi2, abs=0.1)
    curve = as_object(run("profile", *words, "--parameter", "my_eps", "--level", "0.9"))
    assert curve["best_fit"] == pytest.approx(got["values"]["my_eps"], abs=1e-5)
    grid = as_object(run("scan", *words, "--x", "my_eps=-1:1:5", "--y", "eps_uV_ee=-1:1:3"))
    assert np.shape(grid["chi2"]) == (5, 3)
    done = run("predict", *words[:3], "--fix", "my_eps=0.3", "--plot", "own.svg")
    assert done.code == 0, done.err
    assert "extra" in (tmp_path / "own.svg").read_text()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("my_other", "should read package.module:function"),
        ("no_such_module:extra", "cannot be imported"),
        ("my_other:extr", "cannot be imported"),
        ("my_other:bare", "bare declares no parameters; set bare.parameters ="),
    ],
)
def test_own_interaction_that_cannot_be_used(run, tmp_path, path, message):
    (tmp_path / "my_other.py").write_text(OWN)
    done = run("predict", "csi-2017", "--interaction", path)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_own_interaction_that_fails(run, tmp_path):
    """The message names the failing line of the user's file, without a traceback of the package."""
    lines = ["def broken(values, nucleus):", "    return values['no']", ""]
    lines += ["broken.parameters = extra.parameters", ""]
    (tmp_path / "my_broken.py").write_text("\n".join([OWN, *lines]))
    done = run("predict", "csi-2017", "--interaction", "my_broken:broken")
    assert done.code == 2
    assert re.search(r"my_broken\.py line \d+: KeyError: 'no'\n$", done.err)
    assert done.err.count("\n") == 1


# --- one of several experiments ---
def test_options_of_one_experiment(run):
    words = "predict csi-2017 lar-2020 --set lar-2020.mass_kg=48 --set csi-2017.bins=[6,10] --json"
    got = as_object(run(*words.split()))
    plain = as_object(run("predict", "csi-2017", "lar-2020", "--json"))
    argon, usual = (sum(x["lar-2020"]["signal"]["nu_e"]) for x in (got, plain))
    assert argon == pytest.approx(2 * usual)
    assert len(got["csi-2017"]["signal"]["nu_e"]) == 2
    for words, message in (
        ("--set lar-2020.mas_kg=48", "unknown option 'mas_kg'; did you mean mass_kg"),
        ("--set csi-2021.mass_kg=48", "unknown option 'csi-2021'"),
        ("--set lar-2020.mass_kg=48 --set lar-2020.mass_kg=24", "given twice"),
    ):
        done = run("predict", "csi-2017", "lar-2020", *words.split())
        assert done.code == 2
        assert message in done.err


# --- bad words ---
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit csi-2017 --free eps_uV_mue", "unknown parameter 'eps_uV_mue'"),
        ("predict csi-2017 --fix m_Zp=-1", "m_Zp=-1 is outside its bounds [0, "),
        ("predict csi-2017 --fix g_Zp=-1e-5", "g_Zp=-1e-05 is outside its bounds [0, "),
        ("predict csi-2017 --fix mu_nu=1 --fix mu_nu_e=1", "mu_nu stands for all flavours"),
        ("predict csi-2017 --fix xi_S=1 --fix C_u_S=1", "effective couplings or quark couplings"),
        ("predict csi-2017 --set light_vector.charges=B-M", "did you mean B-L"),
        ("predict csi-2017 --set light_vectr.charges=B-L", "did you mean light_vector"),
        ("predict csi-2017 --set light_vector.charge=B-L", "did you mean charges"),
        ("predict csi-2017 --set nsi.form=3", "unknown option of nsi 'form'"),
        ("predict csi-2017 --set light_vector=B-L", "should read light_vector.option=value"),
        ("predict --analysis papoulias2020 --set sterile=1", "options of sterile: none"),
    ],
)
def test_bad_words(run, words, message):
    done = run(*words.split())
    assert done.code == 2, done.out
    assert message in done.err
    assert "Traceback" not in done.err

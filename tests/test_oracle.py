"""The reference reproduces the golden files, and the plain NumPy prediction agrees with it."""

import functools
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, norm
from support import oracle

HERE = Path(__file__).parent
NUCLEI = {"Cs133": oracle.CS, "I127": oracle.I, "Ar40": oracle.AR}


def entries(name, *prefixes):
    """Golden entries whose id starts with one of the prefixes, as pytest parameters."""
    rows = json.loads((HERE / "golden" / f"{name}.json").read_text())["entries"]
    return [pytest.param(e, id=e["id"]) for e in rows if e["id"].startswith(prefixes or "")]


def check(value, entry):
    np.testing.assert_allclose(value, entry["value"], rtol=entry["rtol"], atol=entry.get("atol", 0))


def form(spec):
    """Form factor function of a golden entry."""
    family = spec["family"]
    variant = {"helm_r0": "p20", "helm_pk": "pk", "helm_lewin_smith": "lewin_smith"}.get(family)
    if variant:
        return oracle.form_factor("helm_box", variant=variant)
    if family == "helm_rms":
        return oracle.form_factor("helm", s=spec["s"])
    if family == "klein_nystrand":
        return oracle.form_factor(family, r_A=spec["r_A"], a_k=spec["a_k"])
    return oracle.form_factor(family)


def standard_model(inputs):
    scheme, s2w = inputs["couplings"].values()
    return oracle.standard_model(scheme, s2w, form(inputs["form_factor"]), inputs["kinematics"])


@functools.cache
def _counts(text):
    inputs = json.loads(text)
    x = inputs["experiment"]
    fractions = x.get("number_fractions")
    return oracle.counts(
        np.arange(6, 33, 2),
        standard_model(inputs),
        oracle.csi_targets(x["mass_kg"], fractions and (fractions["Cs133"], fractions["I127"])),
        oracle.fluence(x["neutrinos_per_proton"], x["n_pot"], x["L_m"]),
        x["quenching"],
        kinematics=inputs["kinematics"],
    )


def counts(inputs):
    """Counts in thirteen bins per source; the cache key holds only inputs of the physics."""
    keys = ("experiment", "kinematics", "couplings", "form_factor")
    physics = {k: inputs[k] for k in keys}
    physics["experiment"] = {k: v for k, v in inputs["experiment"].items() if k != "pe_edges"}
    return _counts(json.dumps(physics))


def test_constants():
    golden = {e["id"]: e for e in (p.values[0] for p in entries("constants"))}
    computed = {"const.E_nu_mu": oracle.E_PI, "const.E_end": oracle.E_END}
    computed |= {"const.hbarc2": oracle.HBARC2, "molar.CsI": oracle.MOLAR_CSI}
    computed |= {f"mass.{name}": n.mass for name, n in NUCLEI.items()}
    computed["fluence.csi_2017"] = oracle.fluence(0.08, 1.76e23, 19.3)
    for mass in (14.57, 14.6):
        computed[f"formula_units.CsI.{mass}kg"] = oracle.csi_targets(mass)[oracle.CS]
    for name, value in computed.items():
        check(value, golden[name])


@pytest.mark.parametrize("entry", entries("form_factors"))
def test_form_factors(entry):
    x = entry["inputs"]
    spec, q = x["form_factor"], x.get("q_per_fm", x.get("q_MeV", 0.0) / oracle.HBARC)
    if x.get("quantity") == "R_0":
        value = np.sqrt(5 / 3 * (spec["R_rms"] ** 2 - 3 * spec["s"] ** 2))
    elif spec["family"] == "helm_rms":
        value = oracle.helm(q, spec["R_rms"], spec["s"])
    else:
        value = form(spec)(q, NUCLEI[x["nucleus"]])[0]
    check(value, entry)


@pytest.mark.parametrize("entry", entries("couplings", "weak_charge", "g_V"))
def test_couplings(entry):
    x = entry["inputs"]
    g_p, g_n = oracle.couplings(*x["couplings"].values(), x.get("flavour", "e"))
    if "nucleus" in x:
        check(g_p * NUCLEI[x["nucleus"]].Z + g_n * NUCLEI[x["nucleus"]].N, entry)
    else:
        check(g_p if x["quantity"] == "g_Vp" else g_n, entry)


def test_charge_radius():
    golden = {e["id"]: e for e in (p.values[0] for p in entries("couplings"))}
    unit = oracle.radius_charge(1e-32)
    check(unit, golden["charge_radius_charge"])
    for flavour in ("e", "mu"):
        check(-oracle.radius_term(flavour) / unit, golden[f"r2_sm.{flavour}"])


@pytest.mark.parametrize("entry", entries("cross_sections"))
def test_cross_sections(entry):
    x = entry["inputs"]
    n, E, source = NUCLEI[x["nucleus"]], x["E_nu_MeV"], x.get("source", "nu_e")
    f = standard_model(x)
    if "T_nr_MeV" in x:
        check(f(x["T_nr_MeV"], E, n, source), entry)
    else:
        top = oracle.T_max(E, n.mass)
        check(quad(lambda T: float(f(T, E, n, source)), 0, top, epsabs=0, epsrel=1e-12)[0], entry)


@pytest.mark.parametrize("entry", entries("cross_sections_bsm"))
def test_cross_sections_bsm(entry):
    x = entry["inputs"]
    n, E, T, kind = NUCLEI[x["nucleus"]], x["E_nu_MeV"], x["T_nr_MeV"], entry["id"].split(".")[0]
    q2 = 2 * n.mass * T
    F = form(x["form_factor"])(np.sqrt(q2) / oracle.HBARC, n)[0]
    if kind == "magnetic":
        value = oracle.magnetic(x["mu_nu_muB"], T, E, n, F)
    elif kind == "scalar":
        value = oracle.scalar(x["g2"], x["m_phi_MeV"], T, E, n, F)
    elif kind == "ngi":
        value = oracle.ngi(x["xi_S"], x["xi_V_total"], x["xi_T"], T, E, n, F)
    else:
        g_p, g_n = oracle.couplings(*x["couplings"].values())
        normalization = {"sqrt2": 2**0.5, "2sqrt2": 8**0.5}[x["normalization"]]
        Q = (
            g_p * n.Z
            + g_n * n.N
            + oracle.zprime_charge(x["g2"], x["m_Zp_MeV"], q2, n, normalization)
        )
        value = oracle.vector((Q * F) ** 2, T, E, n.mass)
    check(value, entry)


@pytest.mark.parametrize("entry", entries("flux"))
def test_flux(entry):
    x, kind = entry["inputs"], entry["id"].split(".")[0]
    source = x["source"]
    if kind == "moment" and source == "nu_mu":
        value = oracle.E_PI ** -x["k"]
    elif kind == "moment":
        moment = lambda E: oracle.spectrum(E, source) * E ** -x["k"]  # noqa: E731
        value = quad(moment, x["E_min_MeV"], oracle.E_END, epsabs=0, epsrel=1e-12)[0]
    elif kind == "spectrum":
        value = oracle.spectrum(x["E_nu_MeV"], source)
    else:
        n = NUCLEI[x["nucleus"]]
        unit = oracle.vector(1.0, 0.0, 1.0, n.mass)
        kernel = lambda T, E, n, _: oracle.vector(1.0, T, E, n.mass) / unit  # noqa: E731
        f = kernel if kind == "vector_kernel" else standard_model(x)
        value = oracle.folded(x["T_nr_MeV"], n, source, f)
    check(value, entry)


@pytest.mark.parametrize("entry", entries("detector"))
def test_detector(entry):
    x = entry["inputs"]
    if "quenching" in x:
        check(oracle.n_pe(x["T_nr_MeV"], x["quenching"]), entry)
    else:
        check(oracle.acceptance(x["n_pe"]), entry)


@pytest.mark.parametrize("entry", entries("csi_2017_counts"))
def test_counts(entry):
    per_source, x = counts(entry["inputs"]), entry["inputs"]
    value = per_source[x["source"]] if "source" in x else sum(per_source.values())
    value = value[: len(x["experiment"]["pe_edges"]) - 1]
    if "sum" in x and np.ndim(entry["value"]) == 0:
        value = (value[:12] if "12 bins" in x["sum"] else value).sum()
    check(value, entry)


@pytest.mark.parametrize("entry", entries("csi_2017_chi2", "chi2", "pulls"))
def test_chi2(entry):
    x = entry["inputs"]
    b = slice(0, x["bins"])
    signal = sum(counts(x["detector"]).values())[b]
    C, AC, B = oracle.C[b], oracle.AC[b], oracle.B_ON[b]
    if x.get("background") == "none":
        B = 0 * B
    variance = C + AC + (B if "B_on" in x["variance"] else 0)
    sigmas = x["sigma_signal"], x["sigma_background"] or 0.25
    value, pulls = oracle.chi2(C - AC, variance, signal, B, sigmas)
    check(pulls if entry["id"].startswith("pulls") else value, entry)


def test_exact_kinematics_vanishes_at_its_end_point():
    top = oracle.T_max(30.0, oracle.CS.mass, "exact")
    assert oracle.E_min(top, oracle.CS.mass, "exact") == pytest.approx(30.0, rel=1e-14)
    start, end = (
        oracle.vector(1.0, f * top, 30.0, oracle.CS.mass, "exact") for f in (0, 1 - 1e-12)
    )
    assert 0 <= end < 1e-11 * start


@pytest.mark.slow
def test_poisson_smearing_conserves_events():
    f = oracle.standard_model("tree", 0.2312, oracle.form_factor("helm"))
    options = {"accept": lambda n: 1.0 + 0 * n, "cuts": ()}
    rest = [np.array([0.0, 150.0]), f, {oracle.CS: 1e25}, 1e14, "constant"]
    smeared = oracle.counts(*rest, smearing="poisson", **options)
    exact = oracle.counts(*rest, **options)
    for source in oracle.SOURCES:
        np.testing.assert_allclose(smeared[source], exact[source], rtol=1e-10)


@pytest.mark.parametrize("smearing", ["gamma", 1.0])
def test_continuous_response_is_the_cdf(smearing):
    T, edges = np.array([0.004, 0.01, 0.03]), np.arange(6.0, 33.0, 2.0)
    mean, shape = oracle.n_pe(T, "constant"), 1 + 9560 * oracle.E_ee(T, "constant")
    gaussian = norm(mean, np.sqrt(mean))
    cdf = (gamma(shape, scale=mean / shape) if smearing == "gamma" else gaussian).cdf(
        edges[:, None]
    )
    value = oracle.response(T, edges, smearing, "constant", accept=lambda n: 1.0 + 0 * n)
    np.testing.assert_allclose(value, np.diff(cdf, axis=0), rtol=1e-10, atol=1e-14)


def test_numpy_reference_agrees():
    path = HERE.parent / "benchmarks" / "numpy_reference.py"
    spec = importlib.util.spec_from_file_location("numpy_reference", path)
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    values = np.array([0.22, 5.01, 4.94, 0.3, -0.1])
    eps = {"eps_uV_ee": 0.3, "eps_dV_ee": -0.1}
    targets, flux = oracle.csi_targets(14.57), oracle.fluence(0.08, 1.76e23, 19.3)
    for point, extra in ((plain.DEFAULT, None), (values, eps)):
        f = oracle.standard_model("erler_su", point[0], oracle.form_factor("helm"), eps=extra)
        signal = sum(oracle.counts(plain.EDGES, f, targets, flux, "coherent2020").values())
        fixed = plain.FixedResponse()
        for predict in (plain.predict_rebuilt, fixed.predict, fixed.predict_template):
            np.testing.assert_allclose(predict(point), signal, rtol=1e-9)
        witness = oracle.chi2(plain.MEASURED, plain.VARIANCE, signal, plain.B_ON, plain.SIGMAS)[0]
        assert plain.chi2(signal) == pytest.approx(witness, rel=1e-12)

"""Experiments from folders: equal to built-in ones, compared with an oracle, documented."""

import shutil
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from support import oracle
from support.experiment_folder import folder_of

from cevnsjax import Model, fit, profile
from cevnsjax.core.errors import InputError
from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments import PlannedExperiment, csi_2017, csi_2021, load, write_template
from cevnsjax.experiments.folders.detector_sections import RESOLUTION
from cevnsjax.experiments.folders.reference import reference
from cevnsjax.experiments.folders.sections import SECTIONS
from cevnsjax.flux.solar import SolarB8
from cevnsjax.interactions import StandardModel
from cevnsjax.nuclei import isotope, target, theory_radii
from cevnsjax.tables import read_csv

ROOT = Path(__file__).parents[3]
PE_PER_KEVEE = 13.348


def signal(experiment):
    """Signal of the default theory, summed over sources."""
    parts = Model(experiment, [StandardModel()]).by_component()[experiment.name]["signal"]
    return sum(np.asarray(c) for c in parts.values())


def same_experiment(loaded, built, points):
    """Counts and profiled chi2 agree to 1e-12."""
    models = [Model(e, [StandardModel()]) for e in (loaded, built)]
    assert loaded.parameters == built.parameters
    np.testing.assert_array_equal(loaded.observed, built.observed)
    for s2w in points:
        counts = [
            m.expected({"sin2_theta_w": s2w})[e.name]
            for m, e in zip(models, (loaded, built), strict=True)
        ]
        np.testing.assert_allclose(counts[0], counts[1], rtol=1e-12)
        chi2 = [float(m.profiled_nll({"sin2_theta_w": s2w})) for m in models]
        assert chi2[0] == pytest.approx(chi2[1], rel=1e-12)


# --- the built-in experiments, as folders ---
def csi_neutrinos(flux):
    return {
        "kind": "decay_at_rest",
        "neutrinos_per_proton": flux.neutrinos_per_proton,
        "protons_on_target": flux.protons_on_target,
        "baseline_m": flux.baseline_m,
    }


def polynomial(quenching):
    return {
        "kind": "polynomial",
        "coefficients_mev": quenching.coefficients,
        "variations_mev": quenching.variations,
    }


def nuisances(experiment):
    return [
        {
            "name": p.name,
            "sd": p.sd,
            "components": p.components,
            "meaning": p.meaning,
        }
        for p in experiment.pulls
    ]


def test_csi_2017_as_a_folder(tmp_path):
    built = csi_2017()
    accept = built.detector.efficiency
    values = {
        "": {"name": "csi-2017", "statistic": "gaussian"},
        "target": {"mass_kg": 14.57, "material": "CsI"},
        "neutrinos": csi_neutrinos(built.flux),
        "quenching": polynomial(built.detector.quenching),
        "binning": {
            "observable": "n_pe",
            "observable_per_kevee": PE_PER_KEVEE,
            "edges": list(range(6, 31, 2)),
        },
        "efficiency": {
            "kind": "logistic",
            "a": accept.a,
            "k": accept.k,
            "x_0": accept.x_0,
            "steps": [[5.0, 0.5], [6.0, 1.0]],
        },
        "data": {"kind": "counts", "file": "data.csv"},
        "backgrounds": {"file": "backgrounds.csv"},
        "nuisances": [
            {
                "name": "sig",
                "sd": 0.128,
                "components": ["signal"],
                "meaning": "relative shift of the CEvNS signal",
            },
            {
                "name": "brn",
                "sd": 0.25,
                "components": ["prompt_neutrons"],
                "meaning": "relative shift of the prompt neutrons",
            },
        ],
    }
    data = {"observed": built.observed, "variance": built.variance}
    folder = folder_of(tmp_path / "csi", values, data=data, backgrounds=built.backgrounds)
    loaded = load(folder)
    same_experiment(loaded, built, (0.1, 0.2386, 0.4))
    np.testing.assert_array_equal(loaded.variance, built.variance)
    values["target"] = {"mass_kg": 14.57, "atoms": {"Cs": 1, "I": 1}}
    same_experiment(load(folder_of(folder, values)), built, (0.2386,))
    values["quenching"] = {"kind": "csi", "model": "coherent2020"}
    values["quenching"] |= {"nuisances": ["qf_scale", "qf_2"], "scale_sd": 0.051}
    shaped = csi_2017(shape=("qf_scale", "qf_2"))
    same_experiment(load(str(folder_of(folder, values))), shaped, (0.2386,))


def csi_2021_values(built):
    accept = built.detector.efficiency
    return {
        "": {"name": "csi-2021", "statistic": "poisson", "publication": "PRL 129, 081801"},
        "target": {"mass_kg": 14.6, "material": "CsI"},
        "neutrinos": csi_neutrinos(built.flux),
        "quenching": polynomial(built.detector.quenching),
        "binning": {
            "observable": "n_pe",
            "observable_per_kevee": built.detector.per_keV,
            "edges": built.detector.edges,
        },
        "efficiency": {
            "kind": "logistic",
            "a": accept.a,
            "k": accept.k,
            "x_0": accept.x_0,
            "d": accept.d,
        },
        "resolution": {"kind": "gamma", "shape_per_kevee": 9.56},
        "time": {
            "kind": "pulse",
            "edges_us": built.extra["t_us"],
            "mean_us": 0.472,
            "sigma_us": 0.15,
            "efficiency_flat_us": 0.52,
            "efficiency_slope_per_us": 0.0494,
        },
        "data": {"kind": "counts", "file": "data.csv"},
        "backgrounds": {"file": "backgrounds.csv"},
        "nuisances": nuisances(built),
    }


def test_csi_2021_as_a_folder(tmp_path):
    """The whole experiment except the shape morphs, which a folder cannot describe."""
    built = csi_2021(morphs=())
    values = csi_2021_values(built)
    tables = {"data": {"observed": built.observed}, "backgrounds": built.backgrounds}
    folder = folder_of(tmp_path / "csi", values, **tables)
    loaded = load(folder)
    assert loaded.grid == (9, 11)
    assert loaded.source == "PRL 129, 081801"
    same_experiment(loaded, built, (0.1, 0.2386, 0.4))
    shares = {s: x[0] for s, x in built.spread.items()}
    values["time"] = {"kind": "fractions", "edges_us": built.extra["t_us"], "file": "shares.csv"}
    same_experiment(load(folder_of(folder, values, shares=shares)), built, (0.2386,))


# --- a reactor, against slow integrals ---
MIX = {"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06}
COEFFICIENTS = (0.16, 12.0)
REACTOR = {
    "": {"name": "ge", "statistic": "poisson"},
    "target": {"mass_kg": 10.0, "material": "Ge"},
    "neutrinos": {
        "kind": "reactor",
        "thermal_power_gw": 3.0,
        "baseline_m": 20.0,
        "exposure_days": 100.0,
        "fission_fractions": MIX,
        "E_nu_max_mev": 8.0,
    },
    "quenching": {"kind": "polynomial", "coefficients_mev": COEFFICIENTS},
    "binning": {"observable": "E_ee_keV", "observable_per_kevee": 1.0, "edges": [0.08, 0.12, 0.2]},
    "efficiency": {"kind": "constant", "value": 0.7},
    "data": {"kind": "planned"},
}


@cache
def powers(name):
    """Coefficients of the published polynomial of an isotope."""
    table = read_csv("flux_reactor", "mueller2011.csv" if name == "U238" else "huber2011.csv")
    row = table["isotope"].tolist().index(name)
    return [float(column[row]) for n, column in table.items() if n != "isotope"]


def emitted(E):
    """Antineutrinos per fission and MeV between 2 and 8 MeV."""
    return sum(a * np.exp(np.polyval(powers(name)[::-1], E)) for name, a in MIX.items())


def germanium():
    """Isotopes in the form of the oracle, with nuclei per kg."""
    table = read_csv("nuclides", "isotopes.csv")
    rows = [i for i, symbol in enumerate(table["symbol"]) if symbol == "Ge"]
    shares = np.array([table["abundance"][i] for i in rows])
    masses = np.array([table["atomic_mass_u"][i] for i in rows])
    shares /= shares.sum()
    per_kg = shares * oracle.N_A / (1e-3 * shares @ masses)
    out = {}
    for i, number in zip(rows, per_kg, strict=True):
        A, Z = int(table["A"][i]), int(table["Z"][i])
        mass = float(table["atomic_mass_u"][i]) * oracle.U - Z * oracle.M_E
        radii = theory_radii(isotope(f"{A}Ge"))
        out[oracle.Nucleus(Z, A - Z, mass, *radii)] = float(number)
    return out


def fluence_rate(days):
    """Fissions at 3 GW over the live time, per area at 20 m [1/cm^2]."""
    table = read_csv("flux_reactor", "energy_per_fission.csv")
    per_fission = dict(zip(table["isotope"].tolist(), table["energy_mev"].tolist(), strict=True))
    energy = sum(a * per_fission[n] for n, a in MIX.items()) * 1.602176634e-13
    return 3e9 / energy * days * 86400 / (4 * np.pi * 2000.0**2)


def recoil_rate(T, nucleus):
    """Counts per MeV, nucleus and fission/cm^2; neutrinos up to 8 MeV."""
    form = oracle.form_factor("helm")
    g_p, g_n = oracle.couplings("erler_su", 0.2386, "e")
    F_p, F_n = form(np.sqrt(2 * nucleus.mass * T) / oracle.HBARC, nucleus)
    Q2 = (g_p * nucleus.Z * F_p + g_n * nucleus.N * F_n) ** 2
    low = oracle.E_min(T, nucleus.mass)
    f = lambda E: emitted(E) * float(oracle.vector(Q2, T, E, nucleus.mass))  # noqa: E731
    return quad(f, low, 8.0, epsabs=0, epsrel=1e-10)[0]


def mean_keV(T):
    return 1e3 * (COEFFICIENTS[0] * T + COEFFICIENTS[1] * T**2)


def recoil_at(x):
    """Recoil energy [MeV] that gives an observable [keV]."""
    a, b = COEFFICIENTS
    return (-a + np.sqrt(a**2 + 4 * b * x * 1e-3)) / (2 * b)


def within(T, low, high, c):
    """Probability to be reconstructed between two observables [keV]."""
    if not c:
        return 1.0
    mean = mean_keV(T)
    return np.diff(norm.cdf([low, high], mean, c * np.sqrt(mean)))[0]


@pytest.mark.parametrize("c", [None, 0.03])
def test_reactor_against_slow_integrals(tmp_path, c):
    """Bins above the recoil of 2 MeV neutrinos, where spectra are the polynomials."""
    values = dict(REACTOR)
    edges = REACTOR["binning"]["edges"]
    if c:
        values["resolution"] = {"kind": "gaussian", "c": c}
        edges = [0.2, 0.24, 0.3]
        values["binning"] = REACTOR["binning"] | {"edges": edges}
    experiment = load(folder_of(tmp_path / "ge", values))
    assert isinstance(experiment, PlannedExperiment)
    parts = Model(experiment, [StandardModel()]).by_component({"sin2_theta_w": 0.2386})
    counts = np.asarray(parts["ge"]["signal"]["nu_e_bar"])
    expected = np.zeros(2)
    for nucleus, per_kg in germanium().items():
        T_end = float(oracle.T_max(8.0, nucleus.mass))
        for i, (low, high) in enumerate(pairwise(edges)):
            if c:
                ends = (float(oracle.T_max(2.1, nucleus.mass)), T_end)
            else:
                ends = tuple(np.minimum([recoil_at(low), recoil_at(high)], T_end))
            f = lambda T, n=nucleus, a=low, b=high: within(T, a, b, c) * recoil_rate(T, n)  # noqa: E731
            expected[i] += per_kg * quad(f, *ends, epsabs=0, epsrel=1e-9)[0]
    expected *= 10 * 0.7 * fluence_rate(100)
    np.testing.assert_allclose(counts, expected, rtol=2e-8)


# --- the other kinds ---
def test_other_sources(tmp_path):
    """Each kind of source builds the class of flux/ with the same numbers."""
    values = REACTOR | {"neutrinos": {"kind": "solar_8b", "exposure_days": 1000.0}}
    assert load(folder_of(tmp_path / "sun", values)).flux == SolarB8(1000.0)
    values["neutrinos"] = {
        "kind": "table",
        "file": "spectrum.csv",
        "flavour": "nu_mu",
        "fluence_per_cm2": 1e14,
        "baseline_m": 20.0,
    }
    table = {"energy_mev": [1.0, 6.0, 9.0], "density_per_mev": [3.0, 2.0, 0.0]}
    flux = load(folder_of(tmp_path / "table", values, spectrum=table)).flux
    assert (flux.sources, flux.fluence, flux.baseline_m) == (("nu_mu",), 1e14, 20.0)
    assert flux.spectrum("nu_mu", np.array(3.5), np) == pytest.approx(2.5 / 15.5, rel=1e-13)


def test_other_targets(tmp_path):
    """Atoms of natural elements equal the material; isotopes have their own masses."""
    values = REACTOR | {"target": {"mass_kg": 1.0, "atoms": {"Na": 1, "I": 1}}}
    got, known = load(folder_of(tmp_path / "a", values)).target, target("NaI")
    assert (got.name, got.nuclei) == ("NaI", known.nuclei)
    np.testing.assert_allclose(got.per_kg, known.per_kg, rtol=1e-13)
    values["target"] = {"mass_kg": 1.0, "atoms": {"Ge": 2.5}}
    got, known = load(folder_of(tmp_path / "b", values)).target, target("Ge")
    np.testing.assert_allclose(got.per_kg, known.per_kg, rtol=1e-13)
    values["target"] = {"mass_kg": 1.0, "atoms": {"76Ge": 1}}
    (per_kg,) = load(folder_of(tmp_path / "c", values)).target.per_kg
    assert per_kg == pytest.approx(oracle.N_A / 75.921402726e-3, rel=1e-9)


def test_other_quenchings_and_efficiencies(tmp_path):
    T = np.linspace(0.05, 4, 80)
    curve = {
        "recoil_energy_kev": T,
        "quenching_factor": COEFFICIENTS[0] + COEFFICIENTS[1] * T * 1e-3,
    }
    nominal = signal(load(folder_of(tmp_path / "a", REACTOR)))
    values = REACTOR | {"quenching": {"kind": "table", "file": "curve.csv"}}
    values["efficiency"] = {"kind": "table", "file": "eff.csv", "threshold": 0.12}
    eff = {"observable": [0.0, 1.0], "efficiency": [0.7, 0.7]}
    got = signal(load(folder_of(tmp_path / "b", values, curve=curve, eff=eff)))
    np.testing.assert_allclose(got, [0.0, nominal[1]], rtol=1e-9)
    values = REACTOR | {"quenching": {"kind": "constant", "factor": 0.2}}
    experiment = load(folder_of(tmp_path / "c", values))
    assert experiment.detector.quenching.coefficients == (0.2,)


@pytest.mark.parametrize(
    ("spread", "binning"),
    [
        ({"kind": "gaussian", "c": 0.02}, {}),
        ({"kind": "gamma", "shape_per_kevee": 2000.0}, {}),
        (
            {"kind": "poisson"},
            {"observable": "n_e", "observable_per_kevee": 300.0, "edges": [20, 40, 60]},
        ),
    ],
    ids=["gaussian", "gamma", "poisson"],
)
def test_quadrature_resolves_the_resolution(tmp_path, spread, binning):
    values = REACTOR | {"resolution": spread, "binning": REACTOR["binning"] | binning}
    loaded = load(folder_of(tmp_path / "a", values))
    values["binning"] = values["binning"] | {"nodes": 300}
    fine = load(folder_of(tmp_path / "b", values))
    assert loaded.detector.order < fine.detector.order == 300
    np.testing.assert_allclose(signal(loaded), signal(fine), rtol=1e-8)


def test_no_resolution_is_the_default(tmp_path):
    with_it = load(folder_of(tmp_path / "a", REACTOR | {"resolution": {"kind": "none"}}))
    assert with_it.detector == load(folder_of(tmp_path / "b", REACTOR)).detector
    assert set(RESOLUTION.kinds) == {"none", "poisson", "gamma", "gaussian"}


def test_time_at_a_reactor_is_a_table(tmp_path):
    """Reactor on and off, as fractions of the live time."""
    values = REACTOR | {"time": {"kind": "fractions", "file": "power.csv", "edges_us": [0, 1, 2]}}
    experiment = load(folder_of(tmp_path / "a", values, power={"nu_e_bar": [0.9, 0.0]}))
    nominal = signal(load(folder_of(tmp_path / "b", REACTOR)))
    np.testing.assert_allclose(signal(experiment).reshape(2, 2)[:, 0], 0.9 * nominal, rtol=1e-13)
    np.testing.assert_array_equal(signal(experiment).reshape(2, 2)[:, 1], 0.0)


def test_pulse_without_efficiency(tmp_path):
    built = csi_2021(morphs=())
    values = csi_2021_values(built) | {"data": {"kind": "planned"}, "nuisances": []}
    for key in ("efficiency_flat_us", "efficiency_slope_per_us"):
        del values["time"][key]
    loaded = load(folder_of(tmp_path / "a", values, backgrounds=built.backgrounds))
    expected = Pulse(0.472, 0.15).fractions("nu_e", built.extra["t_us"])
    np.testing.assert_array_equal(loaded.spread["nu_e"][3], expected)


# --- planned experiments ---
def test_planned(tmp_path):
    """Backgrounds replace the data until there are data; then it is an ordinary experiment."""
    values = REACTOR | {"backgrounds": {"file": "b.csv", "columns": ["flat"]}}
    values["nuisances"] = [{"name": "alpha_flux", "sd": 0.05, "components": ["signal"]}]
    tables = {"b": {"flat": [300.0, 400.0], "unused": [1.0, 1.0]}}
    planned = load(folder_of(tmp_path / "a", values, **tables))
    assert isinstance(planned, PlannedExperiment)
    assert planned.title == "ge (planned)"
    assert list(planned.backgrounds) == ["flat"]
    assert [p.name for p in planned.pulls] == ["alpha_flux"]
    np.testing.assert_array_equal(planned.observed, [300.0, 400.0])
    counts = Model(planned).expected()["ge"]
    ready = planned.with_data(np.asarray(counts))
    assert type(ready) is not PlannedExperiment
    assert ready.title == "ge"
    np.testing.assert_array_equal(ready.variance, counts)
    model = Model(ready)
    result = fit(model)
    default = model.parameters["sin2_theta_w"].default
    assert result.values["sin2_theta_w"] == pytest.approx(default, abs=1e-6)
    assert result.chi2 == pytest.approx(0, abs=1e-9)


def test_unconstrained_background_and_variance_floor(tmp_path):
    values = REACTOR | {
        "backgrounds": {"file": "b.csv"},
        "data": {"kind": "counts", "file": "d.csv"},
    }
    values["nuisances"] = [{"name": "flat", "sd": float("inf"), "components": ["flat"]}]
    tables = {"b": {"flat": [3.0, 3.0]}, "d": {"observed": [0.0, 900.0]}}
    experiment = load(folder_of(tmp_path / "a", values, **tables))
    assert experiment.pulls[0].sd == np.inf
    np.testing.assert_array_equal(experiment.variance, [1.0, 900.0])
    assert np.isfinite(float(Model(experiment).profiled_nll({})))


# --- the template ---
@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "my_ge"
    write_template(folder)
    return folder


def test_template_loads_and_fits(template):
    experiment = load(template)
    model = Model(experiment)
    np.testing.assert_array_equal(np.round(model.expected()["my-ge"]), experiment.observed)
    result = fit(model)
    assert result.status == "converged"
    assert result.values["sin2_theta_w"] == pytest.approx(0.2386, abs=5e-4)
    low, high = profile(model, "sin2_theta_w").intervals["0.6827"][0]
    assert (high - low) / 2 == pytest.approx(result.errors["sin2_theta_w"], rel=0.05)


def test_template_shows_every_key_of_its_kinds(template):
    text = (template / "experiment.toml").read_text()
    assert "made up" in text
    content = tomllib.loads(text)
    for name, section in SECTIONS.items():
        if name and name not in content:
            continue
        values = content if not name else content[name][0] if section.repeated else content[name]
        for key in section.keys_of(values.get("kind")):
            assert f"{key.name} = " in text


def test_template_uncommented_is_valid(template, tmp_path):
    """The optional keys that the template shows are correct, if they do not exclude each other."""
    folder = tmp_path / "all"
    shutil.copytree(template, folder)
    lines = (folder / "experiment.toml").read_text().splitlines()
    keys = ("publication", "E_nu_max_mev", "nuisances =", "scale_sd", "nodes", "d =", "columns")
    shown = [x[2:] if x.startswith(tuple(f"# {k}" for k in keys)) else x for x in lines]
    text = "\n".join(shown).replace('components = ["flat", "rising"]', 'components = ["flat"]')
    (folder / "experiment.toml").write_text(text)
    experiment = load(folder)
    assert experiment.shape["qf_scale"].name == "qf_scale_myge"
    assert experiment.detector.nodes == 20
    assert list(experiment.backgrounds) == ["flat"]


def test_write_template_never_overwrites_unasked(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    assert [p.name for p in write_template(folder)][-1] == "experiment.toml"
    (folder / "data.csv").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="mine is not empty; choose another name, or overwrite"):
        write_template(folder)
    assert (folder / "data.csv").read_text() == "mine"
    write_template(folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"
    assert {p.name for p in folder.iterdir()} == {
        *("experiment.toml", "data.csv", "backgrounds.csv", "quenching.csv", "notes.txt")
    }
    load(folder)
    with pytest.raises(InputError, match="is a file; choose another name"):
        write_template(folder / "notes.txt")
    with pytest.raises(InputError, match=r"nowhere does not exist; create it"):
        write_template(tmp_path / "nowhere" / "mine")


# --- the documentation ---
DOC = (ROOT / "docs" / "own_experiment.md").read_text()


def test_documented_keys_are_the_keys():
    assert reference() in DOC


def test_documented_example_works(tmp_path):
    """The files of the documentation, as a reader would save them."""
    folder = tmp_path / "nai_sns"
    folder.mkdir()
    blocks = DOC.split("```")
    (description,) = [b.removeprefix("toml\n") for b in blocks if b.startswith("toml\n")]
    (table,) = [b.removeprefix("csv\n") for b in blocks if b.startswith("csv\n")]
    (folder / "experiment.toml").write_text(description)
    (folder / "backgrounds.csv").write_text(table)
    planned = load(folder)
    forecast = planned.with_data(Model(planned).expected()[planned.name])
    result = fit(Model(forecast))
    assert result.status == "converged"
    quoted = f"{result.values['sin2_theta_w']:.3f} ± {result.errors['sin2_theta_w']:.3f}"
    assert quoted in DOC


def test_pulse_without_width_is_refused(tmp_path):
    values = csi_2021_values(csi_2021(morphs=())) | {"data": {"kind": "planned"}, "nuisances": []}
    values["time"] |= {"sigma_us": 1e-12}
    del values["backgrounds"]
    with pytest.raises(
        InputError, match=r"experiment\.toml: \[time\] pulse width must lie between"
    ):
        load(folder_of(tmp_path / "csi", values))

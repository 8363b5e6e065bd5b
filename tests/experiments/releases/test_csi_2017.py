"""CsI 2017: data arrays, counts and chi2 against golden values; options; bad input."""

import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.experiments import EXPERIMENTS, csi_2017
from cevnsjax.experiments.releases.csi_2017.tables import shipped_csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

BRN = "prompt_neutrons"


@pytest.mark.parametrize("entry", helpers.entries("csi_2017_chi2", "data"))
def test_golden_data(entry):
    x, kind = entry["inputs"], entry["id"].split(".")[1]
    built = csi_2017(
        bins=x["pe_edges"], window_us=tuple(x.get("t_us", (0.0, 6.0))), variance="C+AC"
    )
    if entry["id"].endswith("no_acceptance"):
        tables = shipped_csi_2017()
        raw = tables.neutron_per_gwh * tables.beam_exposure_gwh
        value = np.histogram(tables.neutron_n_pe, bins=x["pe_edges"], weights=raw)[0]
    elif kind == "prompt_neutrons":
        value = built.backgrounds[BRN]
    else:
        kind = kind.removesuffix("_12us")
        value = {
            "coincidence": (built.variance + built.observed) / 2,
            "anticoincidence": (built.variance - built.observed) / 2,
            "C_minus_AC": built.observed,
        }[kind]
    helpers.check(np.sum(value) if np.ndim(entry["value"]) == 0 else value, entry)


@pytest.mark.parametrize("entry", helpers.entries("csi_2017_counts"))
def test_golden_counts(entry):
    x = entry["inputs"]
    by_source = helpers.signal(helpers.csi_model(x))
    value = by_source[x["source"]] if "source" in x else sum(by_source.values())
    if np.ndim(entry["value"]) == 0:
        value = (value[:12] if "12" in entry["id"] else value).sum()
    helpers.check(value, entry)


def _chi2_model(x):
    bins = x["detector"]["experiment"]["pe_edges"][: x["bins"] + 1]
    return helpers.csi_model(
        x["detector"],
        bins=bins,
        pulls={"sig": x["sigma_signal"], "brn": x["sigma_background"] or 0.25},
        prompt_neutrons=x.get("background") != "none",
        variance="C+AC+BRN" if "B_on" in x["variance"] else "C+AC",
    )


@pytest.mark.parametrize("entry", helpers.entries("csi_2017_chi2", "chi2"))
def test_golden_chi2(entry):
    helpers.check(2 * float(_chi2_model(entry["inputs"]).profiled_nll()), entry)


@pytest.mark.parametrize("entry", helpers.entries("csi_2017_chi2", "pulls"))
def test_golden_pulls(entry):
    pulls = _chi2_model(entry["inputs"]).best_pulls()
    helpers.check([float(pulls[f"alpha_{k}_csi2017"]) for k in ("sig", "brn")], entry)


def test_default_is_the_documented_one():
    """coherent2020, 12 bins, no smearing, pulls 0.128 and 0.25, 14.57 kg; 142 = 547 - 405."""
    built = csi_2017()
    assert built.edges.tolist() == list(range(6, 31, 2))
    assert (built.mass_kg, built.detector.resolution) == (14.57, None)
    assert {p.name: p.sd for p in built.pulls} == {
        "alpha_sig_csi2017": 0.128,
        "alpha_brn_csi2017": 0.25,
    }
    assert built.observed.sum() == 142
    assert built.flux.fluence == pytest.approx(oracle.fluence(0.08, 1.76e23, 19.3), rel=1e-14)
    np.testing.assert_array_equal(built.observed, (oracle.C - oracle.AC)[:12])
    np.testing.assert_allclose(built.backgrounds[BRN], oracle.B_ON[:12], rtol=1e-11)
    variance = oracle.C + oracle.AC + oracle.B_ON
    np.testing.assert_allclose(built.variance, variance[:12], rtol=1e-11)


def test_default_chi2_against_oracle():
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"))
    fluence = oracle.fluence(0.08, 1.76e23, 19.3)
    edges = np.arange(6, 31, 2)
    counts = oracle.counts(edges, dsigma, oracle.csi_targets(14.57), fluence, "coherent2020")
    data, background = (oracle.C - oracle.AC)[:12], oracle.B_ON[:12]
    variance = (oracle.C + oracle.AC + oracle.B_ON)[:12]
    signal = sum(counts.values())
    expected, pulls = oracle.chi2(data, variance, signal, background, (0.128, 0.25))
    model = Model(csi_2017())
    assert 2 * float(model.profiled_nll()) == pytest.approx(expected, rel=1e-9)
    got = model.best_pulls()
    got = [float(got[f"alpha_{k}_csi2017"]) for k in ("sig", "brn")]
    np.testing.assert_allclose(got, pulls, rtol=1e-7)


def test_counting_is_the_sum_of_the_spectrum():
    spectrum, counting = csi_2017(), csi_2017(statistic="counting")
    assert counting.edges.tolist() == [6, 30]
    for name in ("observed", "variance"):
        assert getattr(counting, name) == pytest.approx([getattr(spectrum, name).sum()], rel=1e-14)
    assert counting.backgrounds[BRN] == pytest.approx([spectrum.backgrounds[BRN].sum()], rel=1e-14)
    wide, narrow = (helpers.signal(Model(e)) for e in (counting, spectrum))
    for source in helpers.SOURCES:
        assert wide[source][0] == pytest.approx(narrow[source].sum(), rel=1e-9)


def test_windows():
    """142 events up to 6 us, 152 up to 12 us; windows that would cut the prediction are refused."""
    assert csi_2017(window_us=(0.0, 6.0)).observed.sum() == 142
    assert csi_2017(window_us=(0.0, 12.0)).observed.sum() == 152
    for window in ((0.0, 2.0), (1.5, 12.0), (6.0, 12.0)):
        with pytest.raises(InputError, match="must start at 0 and end at 6 us or later"):
            csi_2017(window_us=window)


def test_counts_scale_with_mass():
    light, heavy = (helpers.signal(Model(csi_2017(mass_kg=m)))["nu_e"] for m in (1.0, 14.57))
    np.testing.assert_allclose(heavy, 14.57 * light, rtol=1e-13)


def test_pulls_and_background_can_be_left_out():
    assert [p.name for p in csi_2017(pulls={"brn": 0.0}).pulls] == ["alpha_sig_csi2017"]
    bare = csi_2017(prompt_neutrons=False, pulls={"sig": 0.0})
    assert (bare.pulls, bare.backgrounds) == ((), {})
    model = Model(bare, [StandardModel("tree")])
    signal = sum(helpers.signal(model).values())
    expected = np.sum((bare.observed - signal) ** 2 / bare.variance)
    assert 2 * float(model.nll()) == pytest.approx(expected, rel=1e-12)
    assert model.profiled_nll() == model.nll()
    assert model.best_pulls() == {}


def test_registry():
    assert EXPERIMENTS["csi-2017"] is csi_2017


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": (30, 6)}, "must be increasing edges"),
        ({"bins": (6, 6)}, "must be increasing edges"),
        ({"bins": (6,)}, r"bins must be numbers like \(6, 30\)"),
        ({"bins": (5, 30)}, r"bin edges \[5, 30\] must be even numbers of PE from 0 to 50"),
        ({"bins": (6, 9, 12)}, "must be even numbers"),
        ({"bins": (6, 52)}, "from 0 to 50"),
        ({"bins": (-2, 6)}, "from 0 to 50"),
        ({"window_us": (0.0, 5.7)}, "must span 0.5 us bins from 0 to 12 us"),
        ({"window_us": (6.0, 6.0)}, "must lie within 0 and 12 us"),
        ({"window_us": (14.0, 16.0)}, "must lie within 0 and 12 us"),
        ({"mass_kg": 0.0}, r"mass_kg must be > 0, got 0"),
        ({"mass_kg": float("nan")}, "mass_kg must be a finite number, got nan"),
        ({"pulls": {"sig": -0.1}}, "pull sig needs a standard deviation >= 0, got -0.1"),
        ({"pulls": {"sig": float("nan")}}, r"pulls\.sig must be a finite number, got nan"),
        ({"qf_sd": 0.0, "shape": ("qf_scale",)}, "needs sd > 0"),
        ({"quenching": 1.5}, r"must lie in \(0, 1\]"),
    ],
)
def test_bad_numbers(options, message):
    with pytest.raises(InputError, match=message):
        csi_2017(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quenching": "coherent"}, "quenching 'coherent'; did you mean coherent2020"),
        ({"smearing": "poison"}, "smearing 'poison'; did you mean poisson"),
        ({"pulls": {"signal": 0.1}}, "csi-2017 pull 'signal'; did you mean sig"),
        ({"shape": ("qf_3",)}, "quenching shape parameter 'qf_3'; did you mean qf_"),
        ({"quenching": "constant", "shape": ("qf_1",)}, "quenching shape parameter 'qf_1'"),
    ],
)
def test_unknown_names(options, message):
    with pytest.raises(UnknownNameError, match=message):
        csi_2017(**options)


def test_missing_release(tmp_path):
    with pytest.raises(DataError):
        csi_2017(data=tmp_path / "nowhere")

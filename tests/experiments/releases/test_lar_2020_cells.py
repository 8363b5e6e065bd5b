"""LAr 2020 in energy, F90 and time: cells, signal, morphs and chi2 by hand, a Monte Carlo, options.

Shapes are written here from the released pdfs and from decays convolved with the pulse by SciPy.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import norm, poisson
from support import oracle

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import lar_2020
from cevnsjax.experiments.releases.lar_2020.tables import shipped_lar_2020
from cevnsjax.interactions import NSI, StandardModel
from cevnsjax.model.model import Model

NAME, GRID = "lar-2020", (12, 8, 10)
EDGES_US = np.round(np.arange(-0.1, 5.0, 0.5), 6)
MEAN_US, SHIFT_US, WIDTH_US = 0.44, 0.2, 0.15
# PDG lifetimes [us]. The time shapes of nu_mu follow the pion, the others pion and muon.
TAU_PI, TAU_MU = 0.026033, 2.1969811
SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")
INTERACTIONS = [StandardModel("erler_su_printed"), NSI("eps_uV_ee")]
MORPHS = ("f90", "time", "brn_energy", "brn_time", "brn_width")
SIG, BRN, LBRN, SS = (f"alpha_{n}_lar2020" for n in ("sig", "brn", "lbrn", "ss"))
F90, TIME = (f"alpha_{n}_lar2020" for n in MORPHS[:2])
BRN_FILES = {
    "alpha_brn_energy_lar2020": ("brn_energy_plus", "brn_energy_minus"),
    "alpha_brn_time_lar2020": ("brn_time_mean_plus", "brn_time_mean_minus"),
    "alpha_brn_width_lar2020": ("brn_time_width", None),
}
NUISANCES = (SIG, BRN, LBRN, SS, F90, TIME, *BRN_FILES)
SD = {SIG: 0.134, BRN: 160 / 497, LBRN: 1.0, SS: 25 / 3154}
EVENTS = {"brn": 497.0, "delayed_brn": 33.0, "steady_state": 3154.0}


def built(**options):
    return lar_2020(statistic="cells", **options)


@cache
def model(signal="computed"):
    return Model(built(signal=signal), INTERACTIONS)


@cache
def spectrum(**theory):
    """Smeared events of each source in 12 bins of energy, whenever they arrive [count]."""
    one_dimensional = lar_2020(smearing=True, mass_kg=24.4, protons_on_target=13.8e22)
    parts = Model(one_dimensional, INTERACTIONS).by_component(theory)[NAME]["signal"]
    return {source: np.asarray(counts) for source, counts in parts.items()}


@cache
def fractions(source, shift=0.0):
    """Probability of each time bin: the share of the pulse in it, averaged over the decay times."""
    mean = MEAN_US + shift

    def delay(s):
        if source == "nu_mu":
            return np.exp(-s / TAU_PI) / TAU_PI
        return (np.exp(-s / TAU_MU) - np.exp(-s / TAU_PI)) / (TAU_MU - TAU_PI)

    def share(low, high):
        f = lambda s: delay(s) * np.diff(norm.cdf([low - s, high - s], mean, WIDTH_US))[0]  # noqa: E731
        # The integrand is smooth on these pieces: pion decays, then pulse widths.
        breaks = [*np.linspace(0, 10 * TAU_PI, 6), *np.arange(0.4, 6.6, 0.2)]
        return sum(quad(f, a, b, epsabs=1e-14, epsrel=1e-12)[0] for a, b in pairwise(breaks))

    return np.array([share(low, high) for low, high in pairwise(EDGES_US)])


def f90_rows(pdf):
    """F90 shape in each energy bin; the last shape of the release above its signal."""
    rows, out = pdf.sum(axis=2), []
    for row in rows:
        out.append(row / row.sum() if row.sum() > 0.01 else out[-1])
    return np.array(out)


@cache
def spread(source, f90="cevns", shift=0.0):
    t = shipped_lar_2020()
    pdf = t.pdfs[f90] if f90 in t.pdfs else t.variations[f90]
    return f90_rows(pdf)[:, :, None] * fractions(source, shift)


def scaled(pdf, events):
    return events * pdf.reshape(-1) / pdf.sum()


def signal_templates(signal, source):
    """Nominal signal of a source, and (+1, -1) by morph, [cell] [count]."""
    t, counts = shipped_lar_2020(), spectrum()[source]
    if signal == "computed":

        def cube(**change):
            return (counts[:, None, None] * spread(source, **change)).reshape(-1)

        f90 = cube(f90="cevns_f90_plus"), cube(f90="cevns_f90_minus")
        return cube(), {F90: f90, TIME: (cube(shift=SHIFT_US), cube(shift=-SHIFT_US))}
    nominal, later = t.pdfs["cevns"], t.variations["cevns_time_mean"]
    cubes = {
        F90: (t.variations["cevns_f90_plus"], t.variations["cevns_f90_minus"]),
        TIME: (later, 2 * nominal - later),
    }
    of_theory = {k: tuple(scaled(c, counts.sum()) for c in both) for k, both in cubes.items()}
    return scaled(nominal, counts.sum()), of_theory


def release(signal):
    """Templates of the components, {component or source: [cell]}, and shifted ones by morph."""
    t = shipped_lar_2020()
    nominal = {name: scaled(t.pdfs[name], events) for name, events in EVENTS.items()}
    both = {}
    for source in SOURCES:
        nominal[source], by_morph = signal_templates(signal, source)
        both |= {(source, morph): sides for morph, sides in by_morph.items()}
    for name, (up, down) in BRN_FILES.items():
        plus = scaled(t.variations[up], 497.0)
        minus = scaled(t.variations[down], 497.0) if down else 2 * nominal["brn"] - plus
        both["brn", name] = plus, minus
    return nominal, both


def interpolated(nominal, up, down, a):
    """Counts that a morph with value a adds: code 4p of HistFactory in NumPy."""
    if abs(a) > 1:
        return a * (up - nominal) if a > 0 else a * (nominal - down)
    S, A = (up - down) / 2, (up + down - 2 * nominal) / 16
    return a * S + (15 * a**2 - 10 * a**4 + 3 * a**6) * A


def kept_positive(nominal, changed):
    """Below a tenth of nominal: edge exp(-t - t^2/2) with t = (edge - changed)/edge."""
    filled = nominal > 1e-9
    edge = np.where(filled, 0.1 * nominal, 1.0)
    t = np.where(filled, np.maximum((edge - changed) / edge, 0), 0)
    return np.where(t > 0, edge * np.exp(-t - t**2 / 2), changed)


def by_hand(signal, values):
    """Expected counts of each component at given nuisances."""
    nominal, both = release(signal)
    pulls = {"brn": BRN, "delayed_brn": LBRN, "steady_state": SS}
    out = {}
    for name, counts in nominal.items():
        moves = [
            interpolated(counts, *s, values.get(k, 0)) for (n, k), s in both.items() if n == name
        ]
        bent = kept_positive(counts, counts + sum(moves)) if moves else counts
        out[name] = bent * (1 + values.get(pulls.get(name, SIG), 0))
    return out


def predicted(built_model, values):
    parts = built_model.predicted(values)[NAME]
    return {n: np.asarray(c) for kind in parts.values() for n, c in kind.items()}


def test_cells():
    e = built()
    assert e.statistic == "poisson"
    assert e.grid == GRID
    assert e.edges.tolist() == list(range(0, 121, 10))
    np.testing.assert_allclose(e.extra["f90"], np.linspace(0.5, 0.9, 9), rtol=0, atol=1e-12)
    np.testing.assert_allclose(e.extra["t_us"], EDGES_US, rtol=0, atol=1e-12)
    assert e.observed.shape == (960,)
    assert e.observed.sum() == 3752
    np.testing.assert_array_equal(e.observed.reshape(GRID), shipped_lar_2020().observed)
    assert {n: b.sum() for n, b in e.backgrounds.items()} == pytest.approx(EVENTS, rel=1e-13)
    for name, background in e.backgrounds.items():
        pdf = shipped_lar_2020().pdfs[name].reshape(-1)
        np.testing.assert_allclose(background, EVENTS[name] * pdf / pdf.sum(), rtol=1e-13)
    assert {p.name: p.sd for p in e.pulls} == pytest.approx(SD, rel=1e-13)
    assert [m.name for m in e.morphs] == list(NUISANCES[4:])
    assert (e.mass_kg, e.flux.protons_on_target) == (24.4, 13.8e22)


def test_computed_signal_is_the_spectrum():
    """The sum over all F90 and all times, also after 4.9 us, is the one-dimensional signal."""
    parts = model().by_component()[NAME]["signal"]
    total = 0.0
    for source, expected in spectrum().items():
        cube = np.asarray(parts[source]).reshape(GRID)
        inside = fractions(source).sum()
        np.testing.assert_allclose(cube.sum(axis=(1, 2)) / inside, expected, rtol=1e-8, atol=1e-12)
        by_time = cube.sum(axis=(0, 1)) / expected.sum()
        np.testing.assert_allclose(by_time, fractions(source), rtol=1e-8, atol=1e-13)
        total += expected.sum()
    # Independent reference: 129.96 smeared events with 24 kg and 13.7e22 protons.
    assert total == pytest.approx(129.96 * 24.4 / 24 * 13.8 / 13.7, abs=0.006)
    assert 0.85 < fractions("nu_e").sum() < 0.9
    assert fractions("nu_mu").sum() == pytest.approx(1.0, abs=2e-4)


def test_f90_shapes_are_the_release_s():
    parts = model().by_component()[NAME]["signal"]
    counts = shipped_lar_2020().pdfs["cevns"].sum(axis=2)
    for source in SOURCES:
        rows = np.asarray(parts[source]).reshape(GRID).sum(axis=2)
        rows = rows[:7] / rows[:7].sum(axis=1, keepdims=True)
        for k in range(5):
            np.testing.assert_allclose(rows[k], counts[k] / counts[k].sum(), rtol=1e-12)
        # From 50 keVee the release has 3e-5 events; new physics there takes the row below.
        np.testing.assert_allclose(rows[5:], rows[[4, 4]], rtol=1e-12)
    assert counts[4].sum() > 0.05
    assert counts[5:].sum() < 1e-4


@pytest.mark.parametrize("theory", [{}, {"sin2_theta_w": 0.31}, {"eps_uV_ee": 1.5}], ids=str)
def test_release_signal_factorises(theory):
    """Theory changes the total, the shape is that of the release."""
    pdf = shipped_lar_2020().pdfs["cevns"].reshape(-1)
    parts = model("release").by_component(theory)[NAME]["signal"]
    for source, counts in spectrum(**theory).items():
        expected = counts.sum() * pdf / pdf.sum()
        np.testing.assert_allclose(parts[source], expected, rtol=1e-8, atol=1e-13)
    for name, counts in model("release").by_component(theory)[NAME]["background"].items():
        np.testing.assert_allclose(counts, built().backgrounds[name], rtol=1e-14)


def test_new_physics_in_one_source_moves_its_time():
    """NSI of nu_e alone: the cells of the other sources stay."""
    parts = model().by_component({"eps_uV_ee": 1.5})[NAME]["signal"]
    nominal = model().by_component()[NAME]["signal"]
    moved = spectrum(eps_uV_ee=1.5)["nu_e"]
    assert moved.sum() > 3 * spectrum()["nu_e"].sum()
    expected = (moved[:, None, None] * spread("nu_e")).reshape(-1)
    np.testing.assert_allclose(parts["nu_e"], expected, rtol=1e-8, atol=1e-12)
    for source in SOURCES[:2]:
        np.testing.assert_array_equal(parts[source], nominal[source])


@pytest.mark.parametrize(
    ("pdf", "shift"), [("cevns", 0.0), ("cevns_time_mean", SHIFT_US)], ids=["nominal", "later"]
)
def test_time_shape_is_near_the_release_s(pdf, shift):
    """Bin by bin to 1.1 % of all signal, also with the clock moved; the release's is a histogram.

    A shift of the wrong sign or size, or prompt for delayed, misses by 10 % and more.
    """
    t = shipped_lar_2020()
    theirs = {**t.pdfs, **t.variations}[pdf].sum(axis=(0, 1))
    values = {TIME: 1.0} if shift else {}
    got = sum(predicted(model(), values)[s].reshape(GRID).sum(axis=(0, 1)) for s in SOURCES)
    np.testing.assert_allclose(got / got.sum(), theirs / theirs.sum(), rtol=0, atol=0.011)


def shifted(signal, name, side):
    """(component, nominal, template at +1 or -1) of everything a morph changes."""
    nominal, both = release(signal)
    k = 0 if side > 0 else 1
    return [(n, nominal[n], sides[k]) for (n, m), sides in both.items() if m == name]


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("name", NUISANCES[4:])
@pytest.mark.parametrize("signal", ["computed", "release"])
def test_morphs_at_one_sigma(signal, name, side):
    """Morphs give the shifted templates where these exceed a tenth of nominal; others stay."""
    got, nominal = predicted(model(signal), {name: side}), release(signal)[0]
    changes = shifted(signal, name, side)
    assert {n for n, *_ in changes} == ({"brn"} if "brn" in name else set(SOURCES))
    for n, before, after in changes:
        unbent = (after >= 0.1 * before) | (before <= 1e-9)
        np.testing.assert_allclose(got[n][unbent], after[unbent], rtol=1e-8, atol=1e-11)
        assert np.max(np.abs(after - before)) > 0.02 * np.max(before)
        low = got[n][~unbent]
        assert np.all((low > 0) & (low < 0.1 * before[~unbent]))
        # Neutrons never do; of the signal at most the first time bin, which a later clock empties.
        assert before[~unbent].sum() <= (0.0 if "brn" in name else 0.09) * before.sum()
    for n in set(nominal) - {n for n, *_ in changes}:
        np.testing.assert_allclose(got[n], nominal[n], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("a", [-0.1, 0.1])
@pytest.mark.parametrize("name", NUISANCES[4:])
@pytest.mark.parametrize("signal", ["computed", "release"])
def test_morphs_conserve_events(signal, name, a):
    """Shapes change, totals do not; a later clock pushes some signal out of the window."""
    got, nominal = predicted(model(signal), {name: a}), release(signal)[0]
    for n, *_ in shifted(signal, name, a):
        before = nominal[n].sum()
        if signal == "computed" and name == TIME:
            sides = [spectrum()[n].sum() * fractions(n, d).sum() for d in (SHIFT_US, -SHIFT_US)]
            before += interpolated(before, *sides, a)
        # The line through an earlier clock is negative in late, nearly empty bins of nu_mu.
        assert got[n].sum() == pytest.approx(before, rel=5e-4 if name == TIME else 1e-9)


def test_one_sided_variations_are_mirrored():
    """The release gives the wider neutron times and the delayed signal in one direction only."""
    e, t = built(signal="release"), shipped_lar_2020()
    morphs = {m.name: m for m in e.morphs}
    up, down = morphs["alpha_brn_width_lar2020"].components["brn"]
    np.testing.assert_allclose(up + down, 2 * e.backgrounds["brn"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(up, scaled(t.variations["brn_time_width"], 497.0), rtol=1e-12)
    later, earlier = morphs[TIME].spread
    for source in SOURCES:
        assert later[source].shape == (1, 960)
        total = later[source] + earlier[source]
        # The sums of the released files agree to 8e-8.
        np.testing.assert_allclose(total, 2 * e.spread[source], rtol=2e-7, atol=0)
        expected = t.variations["cevns_time_mean"].reshape(1, -1) / 128
        np.testing.assert_allclose(later[source], expected, rtol=0, atol=1e-8)


def throw(far, seed):
    """Nuisances at random: normalisations within 0.4 sigma, shapes up to ``far``."""
    z = 0.4 * np.random.default_rng(seed).normal(size=9)
    z[4:] *= far / 0.4
    return {n: float(x * SD.get(n, 1.0)) for n, x in zip(NUISANCES, z, strict=True)}


@pytest.mark.parametrize("far", [0.4, 3.0])
@pytest.mark.parametrize("signal", ["computed", "release"])
def test_chi2_by_hand(signal, far):
    """Expected counts and chi2 with all nine nuisances at once, from the released tables."""
    for seed in (1, 2):
        values = throw(far, seed)
        mu, n = sum(by_hand(signal, values).values()), built().observed
        np.testing.assert_allclose(model(signal).expected(values)[NAME], mu, rtol=1e-8, atol=1e-10)
        assert np.all(mu > 0)
        entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0)
        penalty = sum((a / SD.get(name, 1.0)) ** 2 for name, a in values.items())
        chi2 = 2 * np.sum(mu - n + entropy) + penalty
        assert 2 * float(model(signal).nll(values)) == pytest.approx(chi2, rel=1e-9)


def test_fit_of_the_release():
    """Independent fit: 159.71 +42.90 -42.24 events, 3.866 sigma, chi2 1067.29 of 960 cells."""
    e = built(signal="release", morphs=(), pulls={"sig": math.inf})
    release_model = Model(e, free_pulls=[SIG])
    parts = release_model.by_component()[NAME]["signal"]
    events = sum(float(np.sum(np.asarray(c))) for c in parts.values())
    chi2 = lambda N: 2 * float(release_model.profiled_nll({SIG: N / events - 1}))  # noqa: E731
    best = minimize_scalar(chi2, bracket=(120, 160, 200), tol=1e-9)
    assert best.x == pytest.approx(159.71, abs=0.005)
    assert best.fun == pytest.approx(1067.29, abs=0.005)
    assert np.sqrt(chi2(0.0) - best.fun) == pytest.approx(3.866, abs=5e-4)
    for end in (best.x + 42.90, best.x - 42.24):
        # The reference is rounded to 0.005 events; one sigma is 42.
        assert chi2(end) - best.fun == pytest.approx(1.0, abs=3e-4)
    pulls = release_model.best_pulls({SIG: best.x / events - 1})
    fitted = [
        (1 + float(pulls[n])) * EVENTS[c]
        for n, c in ((BRN, "brn"), (LBRN, "delayed_brn"), (SS, "steady_state"))
    ]
    np.testing.assert_allclose(fitted, (552.10, 10.51, 3133.16), rtol=0, atol=0.005)


@cache
def thrown(size=1_000_000):
    """Accepted recoils, each with energy, F90 and time, and their expectation, [source, cell].

    Rates are the oracle's; every step is thrown for every recoil.
    """
    rng, t = np.random.default_rng(12002), shipped_lar_2020()
    dsigma = oracle.standard_model("erler_su_printed", 0.23857, oracle.form_factor("helm"))
    rows, seen, scale = f90_rows(t.pdfs["cevns"]), np.zeros((3, *GRID)), np.zeros(3)
    fluence, number = oracle.fluence(0.09, 13.8e22, 27.5), 24.4e3 * oracle.N_A / 39.948
    recoils = {}
    for source in SOURCES:
        top = oracle.T_max(oracle.E_PI if source == "nu_mu" else oracle.E_END, oracle.AR.mass)
        T = np.linspace(1e-4, np.sqrt(top), 2001) ** 2
        rate = fluence * number * oracle.folded(T, oracle.AR, source, dsigma)
        step = np.diff(T) * (rate[1:] + rate[:-1]) / 2
        recoils[source] = T, np.concatenate([[0.0], np.cumsum(step)])
    whole = sum(c[-1] for _, c in recoils.values())
    for k, (source, (T, cumulative)) in enumerate(recoils.items()):
        throws = round(size * cumulative[-1] / whole)
        scale[k] = throws / cumulative[-1]
        recoil = np.interp(rng.uniform(0, cumulative[-1], throws), cumulative, T)
        true = 1e3 * recoil * (0.246 + 0.78 * recoil)
        energy = rng.normal(true, 0.58 * np.sqrt(true))
        table = t.efficiency
        chance = np.interp(energy, table["energy_kevee"], table["efficiency"], left=0.0)
        energy = energy[(rng.uniform(size=throws) < chance) & (energy < 120)]
        row = (energy // 10).astype(int)
        f90 = (rng.uniform(size=row.size)[:, None] > np.cumsum(rows[row], axis=1)).sum(axis=1)
        time = rng.normal(MEAN_US, WIDTH_US, row.size) + rng.exponential(TAU_PI, row.size)
        if source != "nu_mu":
            time = time + rng.exponential(TAU_MU, row.size)
        sample = np.stack([energy, 0.525 + 0.05 * np.minimum(f90, 7), time], axis=1)
        edges = (np.arange(0, 121, 10), np.linspace(0.5, 0.9, 9), EDGES_US)
        seen[k] = np.histogramdd(sample, edges)[0]
    return seen, scale


def test_monte_carlo():
    """A million recoils, each smeared, accepted, given F90 and time: every (energy, time) bin."""
    seen, scale = thrown()
    parts = model().by_component()[NAME]["signal"]
    expected = np.stack([np.asarray(parts[s]).reshape(GRID) for s in SOURCES])
    expected *= scale[:, None, None, None]
    assert seen.sum() > 80_000
    for axes in ((0, 2), (0, 3), (0, 1), 2):
        n, mu = seen.sum(axis=axes).ravel(), expected.sum(axis=axes).ravel()
        # Two-sided probability of 4 sigma; exact where few recoils are expected.
        chance = np.minimum(poisson.cdf(n, mu), poisson.sf(n - 1, mu))
        assert np.all(chance > norm.sf(4))
    n, mu = seen.sum(axis=0), expected.sum(axis=0)
    filled = mu > 5
    assert filled.sum() > 200
    chi2 = np.sum((n - mu)[filled] ** 2 / mu[filled])
    assert chi2_distribution.sf(chi2, filled.sum()) > 1e-3


def test_options():
    assert [p.name for p in built(pulls={"brn": 0}).pulls] == [SIG, LBRN, SS]
    assert built(pulls={"sig": math.inf}).pulls[0].sd == math.inf
    assert [m.name for m in built(morphs="time").morphs] == [TIME]
    assert built(morphs=()).morphs == ()
    assert built(signal="release").grid == (1, *GRID)
    assert built(smearing=False).detector.resolution is None
    heavier = Model(built(mass_kg=48.8, morphs=()), INTERACTIONS)
    nominal = Model(built(morphs=()), INTERACTIONS)
    for source, counts in nominal.by_component()[NAME]["signal"].items():
        got = heavier.by_component()[NAME]["signal"][source]
        np.testing.assert_allclose(got, 2 * np.asarray(counts), rtol=1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pulls": {"brm": 0.1}}, "lar-2020 pull 'brm'; did you mean brn"),
        ({"pulls": {"steady_state": 0.1}}, "lar-2020 pull 'steady_state'"),
        ({"morphs": ("f9",)}, "lar-2020 morph 'f9'; did you mean f90"),
        ({"morphs": ("f90", "brn_mean")}, "lar-2020 morph 'brn_mean'; did you mean brn_"),
    ],
    ids=str,
)
def test_unknown_names(options, message):
    with pytest.raises(UnknownNameError, match=message):
        built(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pulls": {"ss": -0.1}}, "pull ss needs a standard deviation >= 0"),
        ({"pulls": {"sig": -math.inf}}, r"pulls\.sig must be a finite number"),
        ({"pulls": {"brn": math.nan}}, r"pulls\.brn must be a finite number"),
        ({"mass_kg": 0.0}, "mass_kg must be > 0"),
        ({"threshold_kevee": math.nan}, "threshold_kevee must be a finite number"),
    ],
    ids=str,
)
def test_bad_numbers(options, message):
    with pytest.raises(InputError, match=message):
        Model(built(**options))


def test_steady_state_is_no_nuisance_of_the_spectrum():
    with pytest.raises(UnknownNameError, match="lar-2020 pull 'ss'"):
        lar_2020(pulls={"ss": 0.01})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signal": "release"}, "need statistic"),
        ({"morphs": ("f90",)}, "need statistic"),
        ({"statistic": "cells", "morphs": ("f90", "f90")}, "lists f90 twice"),
        ({"statistic": "cells", "morphs": ("f9",)}, "unknown lar-2020 morph"),
    ],
    ids=str,
)
def test_options_that_contradict(options, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        lar_2020(**options)

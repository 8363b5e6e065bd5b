"""CsI 2017 in photoelectrons and time: cells, steady state, arrival times, pulls, options."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from support import helpers, oracle

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.experiments.releases.csi_2017.tables import shipped_csi_2017
from cevnsjax.form_factors import KleinNystrand
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

NAME, BRN, STEADY = "csi-2017", "prompt_neutrons", "steady_state"
SIG, ALPHA_BRN, SS = (f"alpha_{n}_csi2017" for n in ("sig", "brn", "ss"))
ARRIVAL = {
    "nu_mu": "prompt_neutrinos",
    "nu_mu_bar": "delayed_neutrinos",
    "nu_e": "delayed_neutrinos",
}
# End of the window [us]: coincidence and anticoincidence events, slope of the latter [1/us].
WINDOWS = {6.0: (547, 405, 0.127, 5e-4), 12.0: (855, 703, 0.0586, 5e-5)}


def built(end=6.0, **options):
    return csi_2017(statistic="time", window_us=(0.0, end), **options)


@cache
def model(end=6.0):
    return Model(built(end))


@cache
def spectrum():
    return helpers.signal(Model(csi_2017()))


def raw(which, end):
    """Released counts from 6 to 30 PE up to ``end``, [PE bin, time bin]."""
    t = shipped_csi_2017()
    return t.counts[which][np.ix_((t.n_pe > 6) & (t.n_pe < 30), t.t_us < end)]


def arrival(which, end):
    t = shipped_csi_2017()
    return t.arrival[which][t.t_us < end]


@pytest.mark.parametrize("end", WINDOWS)
def test_cells(end):
    e, (on, _, *_) = built(end), WINDOWS[end]
    assert e.statistic == "poisson"
    assert e.grid == (12, round(2 * end))
    assert e.edges.tolist() == list(range(6, 31, 2))
    assert list(e.extra) == ["t_us"]
    np.testing.assert_allclose(e.extra["t_us"], np.arange(0, end + 0.1, 0.5), rtol=0, atol=1e-12)
    assert e.observed.sum() == on
    np.testing.assert_array_equal(e.observed.reshape(e.grid), raw("coincidence_beam_on", end))


def test_projections_are_the_published_spectra():
    """Sums over 0-6 us are the C and AC columns of the release."""
    e = built(steady_state="anticoincidence")
    np.testing.assert_array_equal(e.observed.reshape(12, 12).sum(axis=1), oracle.C[:12])
    steady = e.backgrounds[STEADY].reshape(12, 12)
    np.testing.assert_array_equal(steady.sum(axis=1), oracle.AC[:12])
    wide = built(bins=(6, 10, 20, 30), steady_state="anticoincidence")
    for own, fine in ((wide.observed, e.observed), (wide.backgrounds[STEADY], steady)):
        rows = np.add.reduceat(fine.reshape(12, 12), [0, 2, 7], axis=0)
        np.testing.assert_array_equal(own.reshape(3, 12), rows)


def likeliest_slope(times):
    """Slope [1/us] of the truncated exponential of largest likelihood: a scan, then a search."""
    edges = 0.5 * np.arange(len(times) + 1)

    def minus_log_likelihood(slope):
        """Likelihood of the bin contents at their sum: integrals of exp(-slope t) over the bins."""
        weight = np.exp(-slope * edges[:-1]) * -np.expm1(-0.5 * slope) / slope
        return -np.sum(times * np.log(weight / weight.sum()))

    grid = np.linspace(0.0005, 0.5, 1000)
    best = int(np.argmin([minus_log_likelihood(s) for s in grid]))
    assert 0 < best < len(grid) - 1
    found = minimize_scalar(
        minus_log_likelihood, bracket=tuple(grid[best - 1 : best + 2]), options={"xtol": 1e-10}
    )
    return found.x


@pytest.mark.parametrize("end", WINDOWS)
def test_exponential(end):
    """Energies of the anticoincidence data times the most likely exponential in time."""
    _, off, slope, digits = WINDOWS[end]
    counts = raw("anticoincidence_beam_on", end)
    steady = built(end).backgrounds[STEADY].reshape(counts.shape)
    assert counts.sum() == off
    assert steady.sum() == pytest.approx(off, rel=1e-13)
    np.testing.assert_allclose(steady.sum(axis=1), counts.sum(axis=1), rtol=1e-13)
    assert np.linalg.matrix_rank(steady, tol=1e-10) == 1
    slopes = -2 * np.diff(np.log(steady.sum(axis=0)))
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-11)
    assert slopes[0] == pytest.approx(slope, abs=digits)
    # A search finds a minimum to the square root of the machine precision.
    assert slopes[0] == pytest.approx(likeliest_slope(counts.sum(axis=0)), abs=1e-7)


@pytest.mark.parametrize("end", WINDOWS)
def test_other_steady_states(end):
    counts = raw("anticoincidence_beam_on", end)
    data = built(end, steady_state="anticoincidence").backgrounds[STEADY]
    np.testing.assert_array_equal(data.reshape(counts.shape), counts)
    flat = built(end, steady_state="flat").backgrounds[STEADY].reshape(counts.shape)
    expected = np.repeat(counts.sum(axis=1, keepdims=True) / (2 * end), round(2 * end), axis=1)
    np.testing.assert_allclose(flat, expected, rtol=1e-13)
    assert flat.sum() == pytest.approx(WINDOWS[end][1], rel=1e-13)


@pytest.mark.parametrize("end", WINDOWS)
def test_signal(end):
    """The spectrum of each source times its arrival times, 8.5 % of the delayed after 6 us."""
    parts = model(end).by_component()[NAME]["signal"]
    for source, which in ARRIVAL.items():
        expected = np.outer(spectrum()[source], arrival(which, end))
        np.testing.assert_allclose(parts[source], expected.reshape(-1), rtol=1e-13, atol=0)
        inside = {"nu_mu": 1.0}.get(source, {6.0: 0.914785, 12.0: 1.0}[end])
        kept = np.sum(np.asarray(parts[source])) / spectrum()[source].sum()
        assert kept == pytest.approx(inside, abs=5e-7)


def test_all_times_together_are_the_spectrum():
    """Over 12 us no event is lost: the sum over time is the prediction without the time axis."""
    parts = model(12.0).by_component()[NAME]["signal"]
    for source, expected in spectrum().items():
        projected = np.asarray(parts[source]).reshape(12, 24).sum(axis=1)
        np.testing.assert_allclose(projected, expected, rtol=1e-12, atol=0)


def test_signal_against_oracle():
    """Adaptive quadrature over recoil energy, spread with the released arrival times."""
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"))
    fluence, targets = oracle.fluence(0.08, 1.76e23, 19.3), oracle.csi_targets(14.57)
    edges = np.arange(6, 31, 2)
    counts = oracle.counts(edges, dsigma, targets, fluence, "coherent2020")
    expected = sum(np.outer(n, arrival(ARRIVAL[s], 6.0)) for s, n in counts.items())
    steady = built().backgrounds[STEADY].reshape(12, 12)
    neutrons = np.outer(oracle.B_ON[:12], arrival("prompt_neutrons", 6.0))
    mu = np.asarray(model().expected()[NAME]).reshape(12, 12)
    np.testing.assert_allclose(mu, expected + steady + neutrons, rtol=1e-9)


@pytest.mark.parametrize("end", WINDOWS)
def test_neutrons(end):
    """Published energies times published times: all neutrons arrive in either window."""
    neutrons = built(end).backgrounds[BRN].reshape(12, -1)
    expected = np.outer(oracle.B_ON[:12], arrival("prompt_neutrons", end))
    np.testing.assert_allclose(neutrons, expected, rtol=1e-11, atol=1e-15)
    assert neutrons.sum() == pytest.approx(5.4193, abs=5e-5)


@pytest.mark.parametrize("end", WINDOWS)
def test_pulls(end):
    found = {p.name: (p.sd, p.components) for p in built(end).pulls}
    assert found == {
        SIG: (0.128, ("signal",)),
        ALPHA_BRN: (0.25, (BRN,)),
        SS: (pytest.approx(WINDOWS[end][1] ** -0.5, rel=1e-13), (STEADY,)),
    }


def test_given_pulls():
    given = {p.name: p.sd for p in built(pulls={"sig": np.inf, "brn": 0, "ss": 0.02}).pulls}
    assert given == {SIG: np.inf, SS: 0.02}
    free = Model(built(pulls={"sig": np.inf}))
    assert free.parameters[SIG].prior is None
    bare = built(prompt_neutrons=False)
    assert set(bare.backgrounds) == {STEADY}
    assert [p.name for p in bare.pulls] == [SIG, SS]


def by_hand(counts, nuisances):
    """chi2 with NumPy, from the oracle's products: signal, neutrons, steady state and pulls."""
    signal = sum(np.outer(n, arrival(ARRIVAL[s], 6.0)) for s, n in counts.items()).reshape(-1)
    neutrons = np.outer(oracle.B_ON[:12], arrival("prompt_neutrons", 6.0)).reshape(-1)
    steady = built().backgrounds[STEADY]
    a, b, c = nuisances
    mu, n = (1 + a) * signal + (1 + b) * neutrons + (1 + c) * steady, built().observed
    entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0)
    pulls = (a / 0.128) ** 2 + (b / 0.25) ** 2 + c**2 * 405
    return 2 * np.sum(mu - n + entropy) + pulls


def test_chi2_by_hand():
    at = (0.11, -0.2, 0.03)
    got = 2 * float(model().nll(dict(zip((SIG, ALPHA_BRN, SS), at, strict=True))))
    assert got == pytest.approx(by_hand(spectrum(), at), rel=1e-11)
    best = minimize(lambda a: by_hand(spectrum(), a), np.zeros(3), method="BFGS", tol=1e-9)
    assert 2 * float(model().profiled_nll()) == pytest.approx(best.fun, rel=0, abs=1e-8)
    pulls = model().best_pulls()
    np.testing.assert_allclose([pulls[n] for n in (SIG, ALPHA_BRN, SS)], best.x, atol=1e-5)


@cache
def scaled():
    return Model(built(shape="qf_scale", qf_sd=0.051))


@pytest.mark.parametrize("eta", [0.93, 1.08])
def test_quenching_scale(eta):
    """n_PE of every signal term moves, backgrounds stay; the pull of 5.1 % is in the likelihood."""
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"))
    fluence, targets = oracle.fluence(0.08, 1.76e23, 19.3), oracle.csi_targets(14.57)
    moved = lambda T: eta * oracle.n_pe(T, "coherent2020")  # noqa: E731
    counts = oracle.counts(np.arange(6, 31, 2), dsigma, targets, fluence, moved)
    values = {"qf_scale_csi2017": eta}
    parts = scaled().by_component(values)[NAME]
    for source, n in counts.items():
        expected = np.outer(n, arrival(ARRIVAL[source], 6.0)).reshape(-1)
        np.testing.assert_allclose(parts["signal"][source], expected, rtol=1e-7, atol=1e-12)
    for name, nominal in built().backgrounds.items():
        np.testing.assert_array_equal(parts["background"][name], nominal)
    at = (0.05, 0.1, -0.02)
    nuisances = dict(zip((SIG, ALPHA_BRN, SS), at, strict=True))
    expected = by_hand(counts, at) + ((eta - 1) / 0.051) ** 2
    assert 2 * float(scaled().nll(values | nuisances)) == pytest.approx(expected, rel=1e-8)


def test_slope_by_quenching_scale():
    """Exact derivative of the profile by the scale, against central differences."""
    name, eta, h = "qf_scale_csi2017", 1.04, 1e-3
    f = lambda x: float(scaled().profiled_nll({name: x}))  # noqa: E731
    wide, narrow = ((f(eta + s) - f(eta - s)) / (2 * s) for s in (2 * h, h))
    slope = scaled().value_and_grad({name: eta})[1][name]
    assert slope == pytest.approx((4 * narrow - wide) / 3, rel=1e-6)


def test_first_observation():
    """COHERENT's 2-D fit, independent reference: 132.3 +23.4 -22.5 events, 6.58 sigma."""
    e = built(12.0, quenching="constant", pulls={"sig": np.inf})
    m = Model(e, [StandardModel("pdg2018", KleinNystrand(r_A=1.20), "formula")], free_pulls=[SIG])
    predicted = sum(c.sum() for c in helpers.signal(m).values())
    chi2 = lambda N: 2 * float(m.profiled_nll({SIG: N / predicted - 1}))  # noqa: E731
    best = minimize_scalar(chi2, bracket=(120, 132, 150), tol=1e-8)
    assert best.x == pytest.approx(132.3, abs=0.05)
    assert np.sqrt(chi2(0.0) - best.fun) == pytest.approx(6.58, abs=0.005)
    for end in (best.x + 23.4, best.x - 22.5):
        # The reference is rounded to 0.05 events; one sigma is 23.
        assert chi2(end) - best.fun == pytest.approx(1.0, abs=0.006)


@pytest.mark.parametrize("statistic", ["spectrum", "time"])
def test_unknown_steady_state(statistic):
    with pytest.raises(UnknownNameError, match="steady_state 'exponent'; did you mean exponential"):
        csi_2017(statistic=statistic, steady_state="exponent")


@pytest.mark.parametrize("name", ["sss", "qf_scale", "alpha_sig_csi2017"])
def test_unknown_pulls(name):
    with pytest.raises(UnknownNameError, match=f"unknown csi-2017 pull '{name}'"):
        built(pulls={name: 0.1})


@pytest.mark.parametrize(
    ("pulls", "message"),
    [
        ({"ss": -0.1}, "pull ss needs a standard deviation >= 0, got -0.1"),
        ({"sig": -np.inf}, r"pulls\.sig must be a finite number"),
        ({"brn": float("nan")}, r"pulls\.brn must be a finite number"),
    ],
    ids=str,
)
def test_bad_pulls(pulls, message):
    with pytest.raises(InputError, match=message):
        built(pulls=pulls)


@pytest.mark.parametrize("statistic", ["spectrum", "counting"])
def test_steady_state_is_no_nuisance_without_time(statistic):
    """Without time, the anticoincidence data are subtracted and enter the variance."""
    with pytest.raises(UnknownNameError, match="csi-2017 pull 'ss'"):
        csi_2017(statistic=statistic, pulls={"ss": 0.05})
    assert STEADY not in csi_2017(statistic=statistic).backgrounds


def test_bad_windows():
    for window in ((0.0, 2.0), (1.0, 12.0)):
        with pytest.raises(InputError, match="must start at 0 and end at 6 us or later"):
            csi_2017(statistic="time", window_us=window)

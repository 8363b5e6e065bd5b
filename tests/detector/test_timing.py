"""Arrival times against direct convolution, moments and a Monte Carlo of pulse, pion and muon."""

import math
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import exponnorm, norm

from cevnsjax import StandardModel, dR_dT_nr
from cevnsjax.core.errors import InputError
from cevnsjax.detector.timing import TAU_MUON_US, TAU_PION_US, Pulse, TimeEfficiency
from cevnsjax.experiments import csi_2021
from cevnsjax.model.model import Model

PULSES = {
    "csi": Pulse(0.472, 0.150),
    "golden": Pulse(0.47193122, 0.13813900),
    "narrow": Pulse(0.1, 0.004),
    "wide": Pulse(-0.5, 1.3),
}
SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")
EDGES = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6)
ACCEPTED = TimeEfficiency(0.52, 0.0494)


def decay(source, s):
    """Density of the delay after the proton, in closed form: pion, or pion and muon [1/us]."""
    if source == "nu_mu":
        return np.exp(-s / TAU_PION_US) / TAU_PION_US
    both = np.exp(-s / TAU_MUON_US) - np.exp(-s / TAU_PION_US)
    return both / (TAU_MUON_US - TAU_PION_US)


def convolved(pulse, source, t):
    """Integral of pulse x decay over the delay, in pieces of a pulse width or pion lifetime."""
    low, high = (max(0.0, t - pulse.mean_us + k * pulse.sigma_us) for k in (-13, 13))
    step = min(pulse.sigma_us / 2, 4 * TAU_PION_US)
    if high - low > 60 * step:
        step = (high - low) / 60
    breaks = np.arange(low, high + step, step)
    f = lambda s: decay(source, s) * norm.pdf(t - s, pulse.mean_us, pulse.sigma_us)  # noqa: E731
    return sum(quad(f, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairwise(breaks))


def at(pulse, *, deviations=(-6, -3, -1, 0, 0.5, 2, 4), late=(0.5, 3, 9)):
    return [pulse.mean_us + k * pulse.sigma_us for k in deviations] + [
        pulse.mean_us + 5 * pulse.sigma_us + t for t in late
    ]


@pytest.mark.parametrize("source", ["nu_mu", "nu_e"])
@pytest.mark.parametrize("name", PULSES)
def test_density_is_the_convolution(name, source):
    pulse = PULSES[name]
    for t in at(pulse):
        expected = convolved(pulse, source, t)
        got = float(pulse.density(source, np.array([t]))[0])
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-25), t


def test_delayed_neutrinos_arrive_alike():
    t = np.linspace(-1, 10, 50)
    pulse = PULSES["csi"]
    np.testing.assert_array_equal(pulse.density("nu_e", t), pulse.density("nu_mu_bar", t))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", PULSES)
def test_norm_mean_and_variance(name, source):
    """Means and variances of pulse and decays add."""
    pulse = PULSES[name]
    lifetimes = (TAU_PION_US,) if source == "nu_mu" else (TAU_PION_US, TAU_MUON_US)
    low, step = pulse.mean_us - 14 * pulse.sigma_us, min(pulse.sigma_us, 0.1)
    breaks = np.unique(
        np.concatenate(
            [
                np.arange(low, pulse.mean_us + 14 * pulse.sigma_us + 1.0, step),
                np.geomspace(1.0, 40 * sum(lifetimes) + 1.0, 200)
                + pulse.mean_us
                + 14 * pulse.sigma_us,
            ]
        )
    )
    x, w = np.polynomial.legendre.leggauss(12)
    half = np.diff(breaks)[:, None] / 2
    t = (breaks[:-1, None] + half + half * x).ravel()
    weight = (half * w).ravel() * pulse.density(source, t)
    mean = np.sum(weight * t)
    assert np.sum(weight) == pytest.approx(1.0, rel=1e-11)
    assert mean == pytest.approx(pulse.mean_us + sum(lifetimes), rel=1e-10)
    expected = pulse.sigma_us**2 + sum(tau**2 for tau in lifetimes)
    assert np.sum(weight * (t - mean) ** 2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("source", ["nu_mu", "nu_mu_bar"])
@pytest.mark.parametrize("name", ["csi", "golden", "wide"])
def test_fractions_against_quad(name, source):
    """Density times efficiency in every bin; the kink at 0.52 us lies inside a bin."""
    pulse = PULSES[name]
    got = pulse.fractions(source, EDGES, ACCEPTED)

    def f(t):
        efficiency = 1.0 if t < 0.52 else np.exp(-0.0494 * (t - 0.52))
        return float(pulse.density(source, np.array([t]))[0]) * efficiency

    for i, (a, b) in enumerate(pairwise(EDGES)):
        breaks = np.unique([*np.linspace(a, b, 9), *([0.52] if a < 0.52 < b else [])])
        expected = sum(quad(f, x, y, epsabs=0, epsrel=1e-12)[0] for x, y in pairwise(breaks))
        assert got[i] == pytest.approx(expected, rel=1e-9, abs=1e-18), (a, b)


@pytest.mark.parametrize("source", SOURCES)
def test_fractions_without_efficiency(source):
    """The fraction over all times is 1, and fractions of bins add."""
    pulse = PULSES["csi"]
    fine = pulse.fractions(source, np.linspace(-1.5, 80, 400).tolist())
    assert fine.sum() == pytest.approx(1.0, rel=1e-10)
    whole, parts = pulse.fractions(source, (0, 6)), pulse.fractions(source, EDGES)
    assert parts.sum() == pytest.approx(whole[0], rel=1e-12)
    flat = pulse.fractions(source, EDGES, TimeEfficiency())
    np.testing.assert_array_equal(flat, parts)


@pytest.mark.parametrize("sigma", [1e-9, 1e-5, 3e-4, 1e-3, 3e-3, 0.01, 0.15, 1.0, 10.0])
def test_fractions_of_pulses_of_any_width(sigma):
    """Prompt: scipy.stats.exponnorm; all sources: bins hold every neutrino, none is negative."""
    pulse, edges = Pulse(0.5234, sigma), [0.0, 0.5234, 0.524, 0.55, 1.0, 6.0]
    expected = -np.diff(exponnorm(TAU_PION_US / sigma, loc=0.5234, scale=sigma).sf(edges))
    np.testing.assert_allclose(pulse.fractions("nu_mu", edges), expected, rtol=1e-9, atol=1e-14)
    late = 0.5234 + 12 * sigma + np.array([0.0, 0.05, 2.0, 20.0, 200.0])
    everything = [0.5234 - 12 * sigma, 0.5234 - sigma, 0.5234, *late]
    for source in SOURCES:
        shares = pulse.fractions(source, everything)
        assert np.all(shares >= 0)
        assert shares.sum() == pytest.approx(1.0, abs=1e-12)


def test_pulse_of_a_nanosecond():
    """scipy.stats.exponnorm(26.033, 0.52, 0.001): the bins [0, 1, 6] held 1.064 by quadrature."""
    got = Pulse(0.52, 0.001).fractions("nu_mu", [0, 1, 6])
    np.testing.assert_allclose(got, [1 - 9.834212684e-9, 9.834212684e-9], rtol=1e-9)


@pytest.mark.parametrize("sigma", [1e-5, 0.01, 3.0])
@pytest.mark.parametrize("accepted", [ACCEPTED, TimeEfficiency(0.3, 40.0), TimeEfficiency()])
def test_fractions_are_the_integral_of_the_density(accepted, sigma):
    """Nodes that follow the pulse, the lifetimes and the bend of the efficiency."""
    pulse, edges = Pulse(0.5, sigma), [0.0, 0.2, 0.45, 0.5, 0.6, 6.0]
    scales = [0.5 + k * x for x in (sigma, 0.01) for k in np.arange(-15, 60, 0.5)]
    breaks = np.unique([*edges, 0.3, 0.52, *np.linspace(0, 6, 601), *scales])
    breaks = breaks[(breaks >= 0) & (breaks <= 6)]
    x, w = np.polynomial.legendre.leggauss(16)
    half = np.diff(breaks)[:, None] / 2
    t = breaks[:-1, None] + half * (1 + x)
    for source in SOURCES:
        parts = np.sum(half * w * pulse.density(source, t) * accepted(t), axis=1)
        expected = np.add.reduceat(parts, np.searchsorted(breaks, edges[:-1]))
        got = pulse.fractions(source, edges, accepted)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-13)


def test_time_efficiency_by_hand():
    t = np.array([-1.0, 0.0, 0.52, 1.52, 10.52])
    np.testing.assert_allclose(ACCEPTED(t), [1, 1, 1, np.exp(-0.0494), np.exp(-0.494)], rtol=1e-15)
    np.testing.assert_array_equal(TimeEfficiency()(t), 1.0)
    np.testing.assert_array_equal(TimeEfficiency(slope_per_us=1.0)(t), 1.0)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", PULSES)
def test_far_times_are_finite(name, source):
    t = np.array([-1e4, -1e2, -10.0, 10.0, 1e2, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        density = PULSES[name].density(source, t)
    assert np.all(np.isfinite(density))
    assert np.all(density >= -1e-300)


@pytest.mark.parametrize("width", [0.0, -0.1, float("nan")])
def test_bad_width(width):
    with pytest.raises(InputError, match="pulse width must be > 0"):
        Pulse(0.4, width)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pulse(0.4, 1e-12), "between 1e-09 and 1e+09 us, got 1e-12; write 1e-09"),
        (lambda: Pulse(0.4, math.inf), "between 1e-09 and 1e+09 us, got inf"),
        (lambda: Pulse(math.nan, 0.1), "pulse centre [us] must be a finite number, got nan"),
        (lambda: TimeEfficiency(0.5, -1.0), "slope_per_us must be >= 0, got -1.0"),
        (lambda: TimeEfficiency(math.nan), "flat_us must be a finite number, got nan"),
        (lambda: Pulse(0.4, 0.1).fractions("nu_mu", [0, 2, 1]), "must increase, got [0, 2, 1]"),
        (lambda: Pulse(0.4, 0.1).fractions("nu_mu", [0, 1, 1]), "must increase, got [0, 1, 1]"),
    ],
)
def test_bad_numbers(make, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make()


def thrown(pulse, source, size, rng):
    """Arrival times of single neutrinos: proton, pion, and muon where there is one [us]."""
    t = rng.normal(pulse.mean_us, pulse.sigma_us, size) + rng.exponential(TAU_PION_US, size)
    return t if source == "nu_mu" else t + rng.exponential(TAU_MUON_US, size)


@pytest.mark.parametrize("source", ["nu_mu", "nu_e"])
def test_monte_carlo_of_arrival_times(source):
    """A million neutrinos, each accepted or rejected: every bin agrees within 3 sigma."""
    size, rng, pulse = 1_000_000, np.random.default_rng(2021), PULSES["csi"]
    t = thrown(pulse, source, size, rng)
    chance = np.where(t < 0.52, 1.0, np.exp(-0.0494 * (t - 0.52)))
    seen = np.histogram(t[rng.uniform(size=size) < chance], EDGES)[0]
    p = pulse.fractions(source, EDGES, ACCEPTED)
    sigma = np.sqrt(size * p * (1 - p))
    assert np.all(np.abs(seen - size * p) <= 3 * sigma + 1e-6)


@cache
def events_csi(size=1_000_000):
    """Histogram (PE, t) of single recoils smeared and accepted, and its expectation."""
    rng, pulse = np.random.default_rng(81801), Pulse(0.472, 0.150)
    experiment = csi_2021(morphs=())
    model = Model(experiment, [StandardModel("erler_su_printed")])
    T = np.linspace(1e-3, np.sqrt(0.0475), 20_001) ** 2
    rates = dR_dT_nr(
        jnp.asarray(T), experiment.target, experiment.flux, (StandardModel("erler_su_printed"),)
    )
    seen, whole = np.zeros((9, 11)), 0.0
    cumulative = {}
    for source, rate in rates.items():
        step = np.diff(T) * (np.asarray(rate)[1:] + np.asarray(rate)[:-1]) / 2
        cumulative[source] = np.concatenate([[0.0], np.cumsum(step)])
        whole += cumulative[source][-1] * experiment.mass_kg
    for source, total in cumulative.items():
        number = round(size * total[-1] * experiment.mass_kg / whole)
        recoil = np.interp(rng.uniform(0, total[-1], number), total, T)
        E = 0.0554628 * recoil + 4.30681 * recoil**2 - 111.707 * recoil**3 + 840.384 * recoil**4
        shape, average = 1 + 9.56e3 * E, E * 1e3 / 0.0749
        n = rng.gamma(shape, average / shape)
        t = thrown(pulse, source, number, rng)
        chance = np.maximum(1.32045 / (1 + np.exp(-0.285979 * (n - 10.8646))) - 0.333322, 0)
        chance = chance * np.where(t < 0.52, 1.0, np.exp(-0.0494 * (t - 0.52)))
        accepted = rng.uniform(size=number) < chance
        edges = (np.array(experiment.detector.edges), np.array(EDGES))
        seen += np.histogram2d(n[accepted], t[accepted], bins=edges)[0]
    parts = model.by_component()["csi-2021"]["signal"]
    expected = sum(np.asarray(c) for c in parts.values()).reshape(9, 11)
    return seen, expected * size / whole


def test_monte_carlo_of_csi_2021():
    """Recoils from dR/dT, gamma-smeared, accepted in energy and time: 9 + 11 bins, 99 cells."""
    seen, expected = events_csi()
    for axis in (0, 1):
        deviation = (seen - expected).sum(axis=axis) / np.sqrt(expected.sum(axis=axis))
        assert np.max(np.abs(deviation)) < 3
    filled = expected > 5
    chi2 = np.sum((seen - expected)[filled] ** 2 / expected[filled])
    assert chi2_distribution.sf(chi2, filled.sum()) > 0.01


def test_clock_offset_moves_the_mean():
    later = replace(PULSES["csi"], mean_us=PULSES["csi"].mean_us + 0.025)
    t = np.linspace(0, 3, 30)
    np.testing.assert_allclose(
        later.density("nu_e", t + 0.025), PULSES["csi"].density("nu_e", t), rtol=1e-12
    )

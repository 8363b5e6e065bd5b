"""Fits of the signal's strength, and the same likelihoods written with NumPy and scipy."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import xlogy
from support import oracle

import cevnsjax as cj
from cevnsjax import analyses
from cevnsjax.analyses.signal_strength import with_free_strength
from cevnsjax.reproduce.quantities import signal_events, strength_of
from cevnsjax.tables import read_csv

CSI17, LAR, CSI21 = "alpha_sig_csi2017", "alpha_sig_lar2020", "alpha_sig_csi2021"


def test_the_strength_is_what_a_fit_frees():
    """sin2_theta_w, degenerate with the strength, is fixed; errors are from the full Hessian."""
    model = analyses.coherent2017()
    fit = cj.fit(model)
    assert fit.converged
    assert list(fit.values) == [CSI17, "alpha_brn_csi2017", "alpha_ss_csi2017"]
    full = model.hessian(fit.values, names=list(fit.values), profiled=False)
    errors = np.sqrt(np.diag(np.linalg.inv(full)))
    np.testing.assert_allclose(errors, list(fit.errors.values()), rtol=1e-8)
    N, s = signal_events(model), strength_of(model, CSI17)
    assert s.events == pytest.approx(N * (1 + fit.values[CSI17]), rel=1e-6)
    assert s.chi2 == pytest.approx(fit.chi2, abs=1e-9)
    # The curve is steeper below: the parabola lies between the two errors, near their mean.
    assert s.minus < N * errors[0] < s.plus
    assert s.error == pytest.approx(N * errors[0], rel=1e-3)


def test_the_strength_by_profile():
    model = analyses.coherent2017()
    s, N = strength_of(model, CSI17), signal_events(model)
    profile = cj.profile(model, CSI17, levels=(0.6827,), within=(-1.0, 2.0))
    ((low, high),) = profile.intervals["0.6827"]
    assert N * (high - profile.best_fit) == pytest.approx(s.plus, rel=1e-6)
    assert N * (profile.best_fit - low) == pytest.approx(s.minus, rel=1e-6)
    assert profile.chi2[0] - profile.chi2_min == pytest.approx(s.delta_chi2, rel=1e-10)


def test_a_weak_signal_has_no_lower_end():
    """Where zero signal is within one sigma, the error ends there."""
    model = analyses.coherent2017()
    nothing = {"csi-2017": np.asarray(model.expected({CSI17: -0.97})["csi-2017"])}
    (experiment,) = model.experiments.values()
    weak = with_free_strength(
        experiment.with_data(nothing["csi-2017"]), model.interactions[0], (), name="weak"
    )
    s = strength_of(weak, CSI17)
    assert s.minus == pytest.approx(s.events, rel=1e-12)
    assert s.events == pytest.approx(0.03 * signal_events(model), rel=1e-4)
    assert 0 < s.significance < 1


def test_strength_of_coherent2021():
    """308.7 events where 306 are printed, the signal's normalisation free."""
    s = strength_of(analyses.coherent2021(), CSI21)
    known = (308.694, 32.155, 31.340, 85.408, 130.417)
    assert (s.events, s.plus, s.minus, s.chi2, s.delta_chi2) == pytest.approx(known, rel=1e-5)


def test_argon_of_picciau2020():
    """0.3104 +0.057 -0.060; R_n at or above R_p = 3.448 fm up to 4.23 fm at one sigma."""
    profile = cj.profile(analyses.picciau2020("ar"), "sin2_theta_w", levels=(0.6827,))
    ((low, high),) = profile.intervals["0.6827"]
    ends = (profile.best_fit, high - profile.best_fit, profile.best_fit - low)
    assert ends == pytest.approx((0.31038, 0.05688, 0.05954), abs=1e-5)
    model = analyses.picciau2020("ar", radius="free")
    radius = cj.profile(model, "R_n_Ar", levels=(0.6827,), within=(3.448, 12.0))
    ((low, high),) = radius.intervals["0.6827"]
    assert (low, radius.best_fit) == (3.448, 3.448)
    assert high == pytest.approx(4.2338, abs=1e-3)


# --- the same likelihoods, written with NumPy and scipy from the shipped tables ---
@dataclass
class Witness:
    """Poisson cells: signal x N + sum over backgrounds of (1 + pull) x template."""

    observed: np.ndarray
    signal: np.ndarray
    backgrounds: np.ndarray
    sd: np.ndarray

    def chi2(self, N, pulls):
        mu = N * self.signal + (1 + pulls) @ self.backgrounds
        if np.any((mu <= 0) & (self.observed > 0)):
            return np.inf
        ratio = np.where(self.observed > 0, self.observed / np.where(mu > 0, mu, 1), 1)
        deviance = 2 * np.sum(mu - self.observed + xlogy(self.observed, ratio))
        return deviance + np.sum((pulls / self.sd) ** 2)

    def profiled(self, N):
        options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000, "maxfev": 4000}
        return minimize(
            lambda p: self.chi2(N, p), np.zeros(len(self.sd)), method="Nelder-Mead", options=options
        )

    def fitted(self, guess):
        """Events, errors up and down, chi2, chi2 without signal less chi2, pulls."""
        f = lambda N: float(self.profiled(N).fun)  # noqa: E731
        best = minimize_scalar(
            f, bounds=(0.5 * guess, 1.5 * guess), method="bounded", options={"xatol": 1e-5}
        )
        N, chi2 = float(best.x), float(best.fun)
        ends = [brentq(lambda x: f(x) - chi2 - 1, N, far, xtol=1e-5) for far in (2 * guess, 0.0)]
        return N, ends[0] - N, N - ends[1], chi2, f(0.0) - chi2, self.profiled(N).x


def in_two_dimensions():
    """CsI 2017: signal of an adaptive quadrature, release times, fitted steady state."""
    counts, times, neutrons = (
        read_csv("coherent_csi_2017", f"{name}.csv")
        for name in ("counts", "arrival_times", "prompt_neutrons")
    )
    inside = (counts["n_pe"] > 6) & (counts["n_pe"] < 30)
    on, off = (
        counts[f"{name}_beam_on"][inside].reshape(12, 24)
        for name in ("coincidence", "anticoincidence")
    )
    prompt, delayed = times["prompt_neutrinos"], times["delayed_neutrinos"]
    by_source = oracle.counts(
        np.arange(6, 31, 2),
        oracle.standard_model("pdg2018", 0.2382, oracle.form_factor("klein_nystrand", r_A=1.20)),
        oracle.csi_targets(14.57),
        oracle.fluence(0.08, 1.76e23, 19.3),
        "constant",
    )
    arrival = {"nu_mu": prompt, "nu_mu_bar": delayed, "nu_e": delayed}
    total = sum(c.sum() for c in by_source.values())
    signal = sum(np.outer(c, arrival[s]) for s, c in by_source.items()) / total
    t = times["t_us"]
    weights = lambda k: np.exp(-k * t) / np.exp(-k * t).sum()  # noqa: E731
    # The likelihood has its maximum where the mean time agrees.
    slope = brentq(lambda k: weights(k) @ t - off.sum(axis=0) @ t / off.sum(), 0, 1, xtol=1e-15)
    assert slope == pytest.approx(0.0586, abs=5e-5)
    steady = np.outer(off.sum(axis=1), weights(slope))
    n_pe = neutrons["n_pe"]
    accepted = 7.47594 * neutrons["counts_per_gwh"] * oracle.acceptance(n_pe)
    beam = np.histogram(n_pe, np.arange(6, 31, 2), weights=accepted)[0]
    backgrounds = np.stack([np.outer(beam, times["prompt_neutrons"]).ravel(), steady.ravel()])
    sd = np.array([0.25, 1 / math.sqrt(703)])
    return Witness(on.ravel(), signal.ravel(), backgrounds, sd)


def normalisations_only():
    """LAr 2020: release pdfs over their own sums."""
    cells = read_csv("coherent_lar_2020", "cells.csv")
    events, errors = np.array([497.0, 33.0, 3154.0]), np.array([160.0, 33.0, 25.0])
    pdfs = np.stack([cells[name] for name in ("brn", "delayed_brn", "steady_state")])
    backgrounds = events[:, None] * pdfs / pdfs.sum(axis=1, keepdims=True)
    signal = cells["cevns"] / cells["cevns"].sum()
    return Witness(cells["observed"], signal, backgrounds, errors / events)


@pytest.mark.parametrize(
    ("witness", "name", "pull", "guess", "known"),
    [
        (in_two_dimensions, "coherent2017", CSI17, 130, (132.3, 23.4, 22.5, 6.58)),
        (normalisations_only, "coherent2020_lar", LAR, 160, (159.71, 42.90, 42.24, 3.866)),
    ],
    ids=["csi-2017", "lar-2020"],
)
def test_against_a_likelihood_written_anew(witness, name, pull, guess, known):
    N, plus, minus, chi2, delta, pulls = witness().fitted(guess)
    model = analyses.analysis(name)
    s = strength_of(model, pull)
    assert s.chi2 == pytest.approx(chi2, abs=1e-6)
    assert s.delta_chi2 == pytest.approx(delta, abs=1e-6)
    assert (s.events, s.plus, s.minus) == pytest.approx((N, plus, minus), rel=1e-4)
    best = s.events / signal_events(model) - 1
    np.testing.assert_allclose(list(model.best_pulls({pull: best}).values()), pulls, atol=1e-5)
    digits = (0.05, 0.05, 0.05, 0.005) if name == "coherent2017" else (0.005, 0.005, 0.005, 5e-4)
    for value, expected, half in zip(
        (N, plus, minus, math.sqrt(delta)), known, digits, strict=True
    ):
        assert value == pytest.approx(expected, abs=half)

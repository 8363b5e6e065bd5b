"""Slow, transparent reference for CEvNS predictions: formulas of the papers, adaptive quadrature.

Independent of the package: no flux moments, no power series, no fixed nodes. Every integral is
done by `scipy.integrate.quad_vec` (adaptive Gauss-Kronrod) between the physical break points.
Units: MeV, fm, cm^2, kg. COH17 = COHERENT data release arXiv:1804.09459, P20 = Papoulias
PRD 102 113004. Formulas without integrals are in `oracle_physics` and re-exported here.
"""

# ruff: noqa: F401 - the formulas are re-exported for the tests
import numpy as np
from scipy.integrate import quad_vec
from scipy.optimize import brentq, minimize, root
from scipy.stats import gamma, norm, poisson
from support.oracle_physics import (
    ALPHA,
    AR,
    CS,
    E_END,
    E_PI,
    G_F,
    HBARC,
    HBARC2,
    M_E,
    M_MU,
    M_PI,
    N_A,
    E_min,
    I,
    Nucleus,
    T_max,
    U,
    charge_squared,
    couplings,
    form_factor,
    helm,
    helm_box,
    helm_radius,
    klein_nystrand,
    magnetic,
    ngi,
    radius_charge,
    radius_term,
    scalar,
    sphere,
    standard_model,
    symmetrized_fermi,
    vector,
    zprime_charge,
)

SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")
MOLAR_CSI = 259.809924961  # g/mol
# COH17, 0-6 us, 6 <= PE < 32 in bins of 2: coincidence, anticoincidence (beam on).
C = np.array([35, 62, 91, 74, 60, 49, 35, 33, 27, 21, 34, 26, 20.0])
AC = np.array([26, 51, 67, 49, 39, 32, 30, 23, 21, 21, 29, 17, 14.0])
# COH17: 7.47594 GWh x promptPDF x acceptance at the 1-PE centres (values with 12 digits).
# fmt: off
B_ON = np.array([
    0.205261396707, 0.353734071127, 0.518131865298, 0.624713733285, 0.64152378728,
    0.598884256209, 0.533987811467, 0.471386247822, 0.430246981556, 0.381647492764,
    0.347568081793, 0.312255775399, 0.288598801706,
])
# fmt: on


# --- flux, detector ---
def spectrum(E, source):
    """Michel spectra of nu_mu_bar and nu_e, unit normalised [1/MeV]."""
    a, b = {"nu_mu_bar": (48, 64), "nu_e": (96, 192)}[source]
    return np.where((E > 0) & (E < E_END), a * E**2 / M_MU**3 - b * E**3 / M_MU**4, 0.0)


def folded(T, nucleus, source, dsigma, kinematics="approximate"):
    """dsigma/dT folded with the unit-normalised spectrum of a source [cm^2/MeV]."""
    T = np.asarray(T, float)
    if source == "nu_mu":
        return dsigma(T, E_PI, nucleus, source)
    low = np.minimum(E_min(T, nucleus.mass, kinematics), E_END)
    width = E_END - low

    def integrand(v):
        E = low + v * width
        return width * spectrum(E, source) * dsigma(T, E, nucleus, source)

    return quad_vec(integrand, 0, 1, epsabs=0, epsrel=1e-14, norm="max", quadrature="gk21")[0]


def fluence(r, n_pot, L_m):
    """Neutrinos of one flavour per cm^2 at L_m [m] from r per proton."""
    return r * n_pot / (4 * np.pi * (100 * L_m) ** 2)


def csi_targets(mass_kg, fractions=None):
    """Numbers of Cs and I nuclei; fractions = (0.51, 0.49) are NGI's number fractions."""
    n = 1000 * mass_kg * N_A / MOLAR_CSI
    f = fractions or (0.5, 0.5)
    return {CS: 2 * f[0] * n, I: 2 * f[1] * n}


def E_ee(T, quenching):
    """Electron-equivalent energy [MeV] in CsI."""
    if quenching == "constant":
        return 0.0878 * T
    if quenching == "pe117":
        return 1.17 * T / 13.348
    return 0.0554628 * T + 4.30681 * T**2 - 111.707 * T**3 + 840.384 * T**4


def n_pe(T, quenching):
    """Mean photoelectrons, 13.348 per keVee; pe117 is 1.17 per keV of recoil.

    A callable is taken as the function T [MeV] -> mean of the observed quantity.
    """
    if callable(quenching):
        return quenching(T)
    return 13348 * E_ee(T, quenching)


def acceptance(n):
    """COH17 acceptance of CsI at n photoelectrons."""
    step = np.where(n < 5, 0.0, np.where(n < 6, 0.5, 1.0))
    return step * 0.6655 / (1 + np.exp(-0.4942 * (n - 10.8507)))


# --- counts ---
def integral(f, lows, highs, epsrel=1e-13):
    """Integrals of f over every [low, high]; f maps all abscissae at once, last axis = panel."""
    width = highs - lows
    scaled = lambda v: f(lows + v * width) * width  # noqa: E731
    options = {"epsabs": 0, "epsrel": epsrel, "norm": "max", "quadrature": "gk21"}
    return quad_vec(scaled, 0, 1, limit=400, **options)[0]


def _breaks(edges, cuts):
    return np.union1d(edges, [n for n in cuts if edges[0] < n < edges[-1]])


def _unsmeared(edges, rate, T_end, mean_pe, accept, cuts):
    """Counts per bin: T intervals between the images of the bin edges and of the cuts."""
    top, inverse = 1.5 * T_end, []
    for n in _breaks(edges, cuts):
        if n <= mean_pe(0.0) or n >= mean_pe(top):
            inverse.append(0.0 if n <= mean_pe(0.0) else top)
        else:
            inverse.append(brentq(lambda T, n=n: mean_pe(T) - n, 0, top, xtol=1e-18, rtol=1e-15))
    T_breaks = np.unique(np.minimum([*inverse, T_end], T_end))
    T_breaks = T_breaks[T_breaks >= min(inverse[0], T_end)]
    lows, highs = T_breaks[:-1], T_breaks[1:]
    if not len(lows):
        return np.zeros(len(edges) - 1)
    parts = integral(lambda T: rate(T) * accept(mean_pe(T)), lows, highs)
    where = np.searchsorted(edges, mean_pe((lows + highs) / 2), side="right") - 1
    inside = where < len(edges) - 1
    return np.bincount(where[inside], parts[inside], minlength=len(edges) - 1)


def _density(n, T, smearing, quenching):
    """Probability density of n reconstructed photoelectrons at recoil energy T [MeV]."""
    if callable(smearing):
        return smearing(n, T)
    mean = n_pe(T, quenching)
    if smearing == "gamma":
        shape = 1 + 9.56 * 1000 * E_ee(T, quenching)
        return gamma.pdf(n, shape, scale=mean / shape)
    return norm.pdf(n, mean, smearing * np.sqrt(mean))


def response(T, edges, smearing, quenching, accept=acceptance, cuts=(5.0, 6.0)):
    """Probability [bin, T] to be accepted in a bin: "poisson", "gamma", a number c, a pdf (n, T).

    Poisson: pmf at n = k with the acceptance at k + 0.5 for the 1-PE bin [k, k + 1) (COH17).
    Gamma and Gaussian (sigma = c sqrt(n_PE)): acceptance at the reconstructed n.
    """
    n_bins = len(edges) - 1
    if smearing == "poisson":
        k = np.arange(edges[0], edges[-1])
        cells = poisson.pmf(k[:, None], n_pe(T, quenching)) * accept(k + 0.5)[:, None]
    else:
        k = _breaks(edges, cuts)
        cells = integral(
            lambda n: _density(n, T[:, None], smearing, quenching) * accept(n), k[:-1], k[1:]
        ).T
        k = k[:-1]
    where = np.searchsorted(edges, k, side="right") - 1
    return np.stack([cells[where == i].sum(axis=0) for i in range(n_bins)])


def counts(edges, dsigma, targets, flux, quenching, *, smearing=None, **options):
    """Events per bin of photoelectrons, {source: array}.

    Args:
        edges: Bin edges [PE].
        dsigma: Function (T, E, nucleus, source) [cm^2/MeV].
        targets: {Nucleus: number of nuclei}.
        flux: Fluence per flavour [1/cm^2].
        quenching: "constant", "pe117", "coherent2020" or a function of T [MeV].
        smearing: None, "poisson", "gamma", the number c of sigma = c sqrt(n_PE), a pdf (n, T).
        options: kinematics, accept (function of n), cuts (its kinks), T_low [MeV].
    """
    kinematics, accept = options.get("kinematics", "approximate"), options.get("accept", acceptance)
    cuts = options.get("cuts", (5.0, 6.0))
    edges, result = np.asarray(edges, float), {}
    for source in SOURCES:
        total = np.zeros(len(edges) - 1)
        for nucleus, number in targets.items():
            E_top = E_PI if source == "nu_mu" else E_END
            T_end = T_max(E_top, nucleus.mass, kinematics)
            rate = lambda T, n=nucleus: folded(T, n, source, dsigma, kinematics)  # noqa: B023, E731
            if smearing is None:
                mean_pe = lambda T: n_pe(T, quenching)  # noqa: E731
                part = _unsmeared(edges, rate, T_end, mean_pe, accept, cuts)
            else:
                lows = np.linspace(options.get("T_low", 0.0), T_end, 25)
                f = lambda T: rate(T) * response(T, edges, smearing, quenching, accept, cuts)  # noqa: B023, E731
                part = integral(f, lows[:-1], lows[1:]).sum(axis=1)
            total = total + flux * number * part
        result[source] = total
    return result


# --- statistics ---
def chi2(measured, variance, signal, background, sigmas):
    """P20 eq. 10 minimised numerically over two pulls: (chi2, [a1, a2]).

    chi2 = sum (measured - signal (1 + a1) - background (1 + a2))^2/variance + sum (a/sigma)^2.
    """
    sigmas = np.asarray(sigmas, float)

    def value(z):
        a = z * sigmas
        rest = measured - signal * (1 + a[0]) - background * (1 + a[1])
        slope = np.array([np.sum(rest * s / variance) for s in (signal, background)])
        return np.sum(rest**2 / variance) + z @ z, 2 * z - 2 * slope * sigmas

    start = np.zeros(2)
    for method in ("Nelder-Mead", "BFGS"):
        f = value if method == "BFGS" else lambda z: value(z)[0]
        start = minimize(f, start, jac=method == "BFGS", method=method, tol=1e-13).x
    start = root(lambda z: value(z)[1], start, tol=1e-15).x
    return value(start)[0], start * sigmas

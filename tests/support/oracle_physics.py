"""Formulas of the reference: form factors, couplings and cross sections as the papers print them.

Independent of the package: trigonometric form factors, no power series. Reached through `oracle`.
Units: MeV, fm, cm^2, kg. P20 = Papoulias PRD 102 113004, PK = Papoulias & Kosmas PRD 97 033003,
NGI = Aristizabal Sierra, De Romeri, Rojas PRD 98 075018, LM = Liao & Marfatia PLB 775 54,
C20 = Cadeddu et al. PRD 102 015030.
"""

from dataclasses import dataclass

import numpy as np

G_F = 1.1663787e-11  # MeV^-2
HBARC = 197.3269804  # MeV fm
HBARC2 = (HBARC * 1e-13) ** 2  # MeV^2 cm^2
ALPHA = 1 / 137.035999084
M_E, M_MU, M_PI, M_W = 0.51099895, 105.6583755, 139.57039, 80379.0  # MeV
U, N_A = 931.49410242, 6.02214076e23  # MeV, 1/mol
E_PI, E_END = (M_PI**2 - M_MU**2) / (2 * M_PI), M_MU / 2  # MeV


@dataclass(frozen=True)
class Nucleus:
    """One isotope; mass is the nuclear mass [MeV], radii are rms [fm]."""

    Z: int
    N: int
    mass: float
    R_p: float
    R_n: float

    @property
    def A(self):
        return self.Z + self.N


CS = Nucleus(55, 78, 132.905451961 * U - 55 * M_E, 4.804, 5.01)
I = Nucleus(53, 74, 126.904473 * U - 53 * M_E, 4.749, 4.94)
AR = Nucleus(18, 22, 39.9623831237 * U - 18 * M_E, 3.448, 3.548)


# --- form factors: amplitudes of q [1/fm] ---
def sphere(x):
    """3 j1(x)/x."""
    x = np.asarray(x, float)
    y = np.where(x < 1e-4, 1.0, x)
    return np.where(x < 1e-4, 1 - x**2 / 10, 3 * (np.sin(y) - y * np.cos(y)) / y**3)


def helm(q, R_rms, s=0.9):
    """Helm with rms radius R_rms and surface s [fm]: R_0^2 = 5/3 (R_rms^2 - 3 s^2)."""
    return helm_box(q, np.sqrt(5 / 3 * (R_rms**2 - 3 * s**2)), s)


def helm_box(q, R_0, s):
    """Helm with diffraction radius R_0 and surface s [fm]."""
    return sphere(q * R_0) * np.exp(-((q * s) ** 2) / 2)


def helm_radius(A, variant):
    """Diffraction radius R_0 and surface s [fm] of P20 (printed), PK and NGI (Lewin-Smith)."""
    a3 = A ** (1 / 3)
    if variant == "p20":
        return 1.23 * a3, 0.9
    if variant == "pk":
        return np.sqrt((1.2 * a3) ** 2 - 5 * 0.5**2), 0.5
    c = 1.23 * a3 - 0.6
    return np.sqrt(c**2 + 7 * np.pi**2 * 0.52**2 / 3 - 5 * 0.9**2), 0.9


def klein_nystrand(q, A, r_A=1.2, a_k=0.7):
    """Klein-Nystrand with R = r_A A^(1/3) and range a_k [fm]."""
    return sphere(q * r_A * A ** (1 / 3)) / (1 + (q * a_k) ** 2)


def symmetrized_fermi(q, A, a=0.52):
    """Symmetrised Fermi with c = 1.23 A^(1/3) - 0.6 and diffuseness a [fm]."""
    x, y = q * (1.23 * A ** (1 / 3) - 0.6), np.pi * q * a
    bracket = y / np.tanh(y) * np.sin(x) / x - np.cos(x)
    return 3 / (x**2 + y**2) * y / np.sinh(y) * bracket


def form_factor(name, **options):
    """Function (q [1/fm], nucleus) -> (F_p, F_n)."""
    if name == "unity":
        return lambda q, _: (np.ones_like(q), np.ones_like(q))
    if name == "helm":
        return lambda q, n: (helm(q, n.R_p, **options), helm(q, n.R_n, **options))
    if name == "helm_box":
        return lambda q, n: 2 * (helm_box(q, *helm_radius(n.A, options["variant"])),)
    shape = {"klein_nystrand": klein_nystrand, "symmetrized_fermi": symmetrized_fermi}[name]
    return lambda q, n: 2 * (shape(q, n.A, **options),)


# --- Standard Model couplings ---
def couplings(scheme, s2w, flavour="e"):
    """Nucleon couplings (g_Vp, g_Vn) of flavour e, mu or tau."""
    if scheme == "tree":
        return 0.5 - 2 * s2w, -0.5
    if scheme == "pdg2018":  # P20 eqs. 4-5, quark level
        up = 1.0082 * (0.5 - 4 / 3 * 0.9972 * s2w) - 0.0031 + 3.7e-5 / 2
        down = 1.0082 * (-0.5 + 2 / 3 * 0.9972 * s2w) - 0.0025 + 3.7e-5
        return 2 * up + down, up + 2 * down
    if scheme == "erler_su_printed":
        return {"e": 0.0401, "mu": 0.0318}[flavour] - 2 * 1.00063 * (s2w - 0.23857), -0.5094
    alpha_z, s2z, alpha_s = 1 / 127.955, 0.23122, 0.12  # C20, erler_su
    wz = alpha_z / (4 * np.pi * s2z)
    g_Vp = 1.00063 * (0.5 - 2 * s2w) - wz * (1 - 2 * alpha_s / np.pi) + radius_term(flavour)
    return g_Vp, -1.00063 / 2 - wz / 2 * (7 - 5 * alpha_s / np.pi)


def radius_term(flavour):
    """Charge-radius term of g_Vp (C20): alpha/(6 pi) (3 - 2 ln m_l^2/m_W^2)."""
    m_l = {"e": M_E, "mu": M_MU, "tau": 1776.86}[flavour]
    return ALPHA / (6 * np.pi) * (3 - 2 * np.log(m_l**2 / M_W**2))


def radius_charge(r2):
    """Charge per proton of a charge radius r2 [cm^2]: sqrt2 pi alpha r2/(3 G_F (hbar c)^2)."""
    return np.sqrt(2) * np.pi * ALPHA * r2 / (3 * G_F * HBARC2)


# --- cross sections [cm^2/MeV], functions (T, E, nucleus, source) ---
def E_min(T, M, kinematics="approximate"):
    """Least neutrino energy [MeV] for a recoil energy T [MeV]."""
    if kinematics == "exact":
        return (T + np.sqrt(T**2 + 2 * M * T)) / 2
    return np.sqrt(M * T / 2)


def T_max(E, M, kinematics="approximate"):
    """Greatest recoil energy [MeV] for a neutrino energy E [MeV]."""
    return 2 * E**2 / (M + 2 * E if kinematics == "exact" else M)


def vector(Q2, T, E, M, kinematics="approximate"):
    """Spin-0 vector cross section of squared charge Q2, zero beyond the end point."""
    shape = 1 - M * T / (2 * E**2) - (0 if kinematics == "approximate" else T / E)
    return _cut(G_F**2 * M / np.pi * HBARC2 * Q2 * shape, T, E, M, kinematics)


def _cut(value, T, E, M, kinematics="approximate"):
    return np.where(E_min(T, M, kinematics) <= E, value, 0.0)


def magnetic(mu, T, E, nucleus, F_p):
    """Cross section of a magnetic moment mu [mu_B] alone."""
    value = np.pi * ALPHA**2 / M_E**2 * HBARC2 * (nucleus.Z * F_p * mu) ** 2 * (1 / T - 1 / E)
    return _cut(value, T, E, nucleus.mass)


def scalar(g2, m, T, E, nucleus, F):
    """Light scalar of mass m [MeV] and coupling squared g2 alone, P20 eq. 20."""
    M, charge = nucleus.mass, 14 * nucleus.A + 1.1 * nucleus.Z
    value = M**2 * charge**2 * g2**2 * T * F**2 / (4 * np.pi * E**2 * (2 * M * T + m**2) ** 2)
    return _cut(value * HBARC2, T, E, M)


def ngi(xi_S, xi_V, xi_T, T, E, nucleus, F):
    """NGI cross section (R = 0) with the total xi_V, end point of the approximate kinematics."""
    M = nucleus.mass
    y, z = M * T / (2 * E**2), T / E
    shape = xi_S**2 * y + xi_V**2 * (1 - y - z) + xi_T**2 * (1 - y / 2 - z)
    return _cut(G_F**2 * M / (4 * np.pi) * HBARC2 * (nucleus.N * F) ** 2 * shape, T, E, M)


def zprime_charge(g2, m, q2, nucleus, norm=2**0.5):
    """Charge (at F = 1) of a universal Z' of mass m [MeV]; norm = 2 sqrt2 is LM eq. 6."""
    return 3 * g2 * nucleus.A / (norm * G_F * (q2 + m**2))


def charge_squared(T, nucleus, source, scheme, s2w, form, eps=None):
    """Sum over outgoing flavours of the squared weak charge; eps = {"eps_uV_ee": value, ...}."""
    F_p, F_n = form(np.sqrt(2 * nucleus.mass * T) / HBARC, nucleus)
    a = "e" if source == "nu_e" else "mu"
    eps, total = eps or {}, 0.0
    for b in ("e", "mu", "tau"):
        pair = a + b if f"{a}{b}" in ("ee", "emu", "etau", "mumu", "mutau") else b + a
        g_p, g_n = couplings(scheme, s2w, a) if a == b else (0.0, 0.0)
        u, d = (eps.get(f"eps_{quark}V_{pair}", 0.0) for quark in "ud")
        Q = (g_p + 2 * u + d) * nucleus.Z * F_p + (g_n + u + 2 * d) * nucleus.N * F_n
        total = total + Q**2
    return total


def standard_model(scheme, s2w, form, kinematics="approximate", eps=None):
    """Function (T, E, nucleus, source) -> dsigma/dT of the SM plus NSI."""

    def dsigma(T, E, nucleus, source):
        Q2 = charge_squared(T, nucleus, source, scheme, s2w, form, eps)
        return vector(Q2, T, E, nucleus.mass, kinematics)

    return dsigma

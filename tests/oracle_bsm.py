"""Formulas of physics beyond the Standard Model as the papers print them, for `oracle.counts`.

Independent of the package: one function of (T, E, nucleus, source) per cross section. An
amplitude is a function (T, nucleus, source, Fp, Fn) -> {outgoing flavour: charge}, to which the
Standard Model's is added before the square. Units: MeV, fm, cm^2. P20, PK, NGI, LM, C20 as in
`oracle_physics`; nucleon masses and quark masses from the PDG.
"""

import numpy as np
from oracle_physics import (
    ALPHA,
    G_F,
    HBARC,
    HBARC2,
    M_E,
    M_MU,
    E_min,
    couplings,
    form_factor,
    radius_charge,
    radius_term,
    vector,
)

ROOT2 = np.sqrt(2)
M_TAU, M_P, M_N, M_U, M_D = 1776.86, 938.27209, 939.56542, 2.16, 4.67
LEPTON = {"e": M_E, "mu": M_MU, "tau": M_TAU}
FLAVOUR = {"nu_e": "e", "nu_mu": "mu", "nu_mu_bar": "mu"}
SM = ("erler_su", 0.23857)
HELM = form_factor("helm")


def pair_value(values, prefix, a, b):
    """A symmetric matrix of couplings: prefix_ab or prefix_ba, 0 if neither is given."""
    return values.get(f"{prefix}{a}{b}", values.get(f"{prefix}{b}{a}", 0.0) if a != b else 0.0)


def _form(T, nucleus, form):
    return form(np.sqrt(2 * nucleus.mass * T) / HBARC, nucleus)


def cut(value, T, E, M, kinematics="approximate"):
    """Zero beyond the end point."""
    return np.where(E_min(T, M, kinematics) <= E, value, 0.0)


def interfering(amplitude, sm=SM, form=HELM, kinematics="approximate", plus=None, survival=None):
    """dsigma/dT with charges added to the Standard Model's, and a rate on top.

    Args:
        amplitude: Function (T, nucleus, source, F_p, F_n) -> {outgoing flavour: charge}, or None.
        sm: Coupling scheme and sin^2 theta_W, or a function of the source giving (g_p, g_n).
        form: Form factors.
        kinematics: Convention.
        plus: Function (T, E, nucleus, source, F_p, F_n) -> cross section to add, or None.
        survival: Function (E, source) -> probability, or None.
    """

    def dsigma(T, E, nucleus, source):
        F_p, F_n = _form(T, nucleus, form)
        a, out = FLAVOUR[source], {}
        g_p, g_n = sm(source) if callable(sm) else couplings(*sm, a)
        out[a] = g_p * nucleus.Z * F_p + g_n * nucleus.N * F_n
        for b, charge in (amplitude(T, nucleus, source, F_p, F_n) if amplitude else {}).items():
            out[b] = out.get(b, 0.0) + charge
        Q2 = sum(Q**2 for Q in out.values())
        value = vector(Q2, T, E, nucleus.mass, kinematics)
        if plus is not None:
            extra = plus(T, E, nucleus, source, F_p, F_n)
            value = value + cut(extra, T, E, nucleus.mass, kinematics)
        return value * (survival(E, source) if survival else 1.0)

    return dsigma


# --- amplitudes ---
def nsi(**eps):
    """Vector NSI, e.g. eps_uV_ee=0.1."""

    def amplitude(T, nucleus, source, F_p, F_n):
        a = FLAVOUR[source]
        out = {}
        for b in LEPTON:
            u, d = (pair_value(eps, f"eps_{q}V_", a, b) for q in "ud")
            out[b] = (2 * u + d) * nucleus.Z * F_p + (u + 2 * d) * nucleus.N * F_n
        return out

    return amplitude


def charge_radius(r2, sign=-1.0, factor=1.0):
    """Charge radii {(source, b): r2 in 1e-32 cm^2}: sign x factor x Qt Z F_p."""

    def amplitude(T, nucleus, source, F_p, F_n):
        per = sign * factor * radius_charge(1e-32) * nucleus.Z * F_p
        return {b: per * x for (s, b), x in r2.items() if s == source}

    return amplitude


def by_pair(**radii):
    """{(source, b): value} from values by flavour pair, e.g. ee=1, emu=2."""
    out = {}
    for source, a in FLAVOUR.items():
        for b in LEPTON:
            out[source, b] = pair_value(radii, "", a, b)
    return out


def millicharge(sign=-1, **q):
    """Charges in 1e-8 e by flavour pair; q^2 = sign x 2 M T."""
    matrix = by_pair(**q)

    def amplitude(T, nucleus, source, F_p, F_n):
        q2 = sign * 2 * nucleus.mass * T
        per = -2 * ROOT2 * np.pi * ALPHA * 1e-8 / (G_F * q2) * nucleus.Z * F_p
        return {b: per * x for (s, b), x in matrix.items() if s == source}

    return amplitude


def light_vector(g, m, u, d, leptons, norm=ROOT2):
    """Z' with quark charges u, d and {flavour: charge}: g^2 Q_l (...)/(norm G_F (q^2 + m^2))."""

    def amplitude(T, nucleus, source, F_p, F_n):
        target = (2 * u + d) * nucleus.Z * F_p + (u + 2 * d) * nucleus.N * F_n
        a = FLAVOUR[source]
        return {a: g**2 * leptons[a] * target / (norm * G_F * (2 * nucleus.mass * T + m**2))}

    return amplitude


def lepton_loop(g, m, plus, minus, sign=1):
    """L_plus - L_minus by one loop: nu_plus gets +, nu_minus -, ln(m_minus^2/m_plus^2)."""
    log = np.log(LEPTON[minus] ** 2 / LEPTON[plus] ** 2)
    strength = sign * ALPHA * g**2 / (3 * ROOT2 * np.pi * G_F) * log

    def amplitude(T, nucleus, source, F_p, F_n):
        charge = {plus: 1.0, minus: -1.0}.get(FLAVOUR[source], 0.0)
        q2 = 2 * nucleus.mass * T
        return {FLAVOUR[source]: charge * strength * nucleus.Z * F_p / (q2 + m**2)}

    return amplitude


# --- rates that add ---
def magnetic(mu, power=2):
    """Magnetic moments {source: mu in 1e-10 mu_B}, with F_p^power."""

    def plus(T, E, nucleus, source, F_p, F_n):
        per = np.pi * ALPHA**2 / M_E**2 * HBARC2 * nucleus.Z**2 * F_p**power
        return per * (1e-10 * mu.get(source, 0.0)) ** 2 * (1 / T - 1 / E)

    return plus


SCALAR_P = M_P / M_U * 0.019 + M_P / M_D * 0.041
SCALAR_N = M_N / M_U * 0.023 + M_N / M_D * 0.034


def light_scalar(g, m, per_proton=15.1, per_neutron=14.0):
    """P20 eq. 20 with (14 A + 1.1 Z) F split into protons and neutrons."""

    def plus(T, E, nucleus, source, F_p, F_n):
        M, q2 = nucleus.mass, 2 * nucleus.mass * T
        charge = per_proton * nucleus.Z * F_p + per_neutron * nucleus.N * F_n
        value = M**2 * charge**2 * g**4 * T / (4 * np.pi * E**2 * (q2 + m**2) ** 2)
        return value * HBARC2

    return plus


def ngi_shape(S2, T2, R, T, E, M, source):
    """Scalar, tensor and scalar-tensor parts of NGI in units of G_F^2 M/(4 pi)."""
    y, z = M * T / (2 * E**2), T / E
    sign = 1.0 if source.endswith("_bar") else -1.0
    return S2 * y + T2 * (1 - y / 2 - z) + sign * R * z


def ngi_effective(xi_S=0.0, xi_T=0.0, R_ST=0.0):
    """Effective couplings but xi_V, which interferes (`ngi_vector`)."""

    def plus(T, E, nucleus, source, F_p, F_n):
        M, N2 = nucleus.mass, (nucleus.N * F_n) ** 2
        shape = ngi_shape(N2 * xi_S**2, N2 * xi_T**2, N2 * R_ST, T, E, M, source)
        return G_F**2 * M / (4 * np.pi) * HBARC2 * shape

    return plus


def ngi_vector(xi_V):
    """xi_V beyond the Standard Model: C_V = N xi_V, Q = -C_V/2."""
    return lambda T, n, source, F_p, F_n: {FLAVOUR[source]: -xi_V * n.N * F_n / 2}


def ngi_quark_vector(C_u=0.0, C_d=0.0):
    """Quark C_V: Q = -C_V/2 with C_V = Z (2 C_u + C_d) + N (C_u + 2 C_d)."""

    def amplitude(T, n, source, F_p, F_n):
        C_V = (2 * C_u + C_d) * n.Z * F_p + (C_u + 2 * C_d) * n.N * F_n
        return {FLAVOUR[source]: -C_V / 2}

    return amplitude


def ngi_quark(**C):
    """Quark couplings C_u_S, D_d_P, D_u_A, C_u_T, D_d_T, ... that do not interfere."""

    def nuclear(key, n, F_p, F_n):
        letter, index = key
        u, d = (C.get(f"{letter}_{q}_{index}", 0.0) for q in "ud")
        Z, N = n.Z * F_p, n.N * F_n
        if index == "T":
            return (0.54 * u - 0.23 * d) * Z + (-0.23 * u + 0.54 * d) * N
        if index == "A":
            return (2 * u + d) * Z + (u + 2 * d) * N
        on_p = u * M_P / M_U * 0.019 + d * M_P / M_D * 0.041
        on_n = u * M_N / M_U * 0.023 + d * M_N / M_D * 0.034
        return on_p * Z + on_n * N

    def plus(T, E, n, source, F_p, F_n):
        C_S, D_P, D_A, C_T, D_T = (nuclear(k, n, F_p, F_n) for k in ("CS", "DP", "DA", "CT", "DT"))
        M = n.mass
        R = 2 * (C_S * C_T - D_P * D_T)
        shape = ngi_shape(C_S**2 + D_P**2, 8 * (C_T**2 + D_T**2), R, T, E, M, source)
        shape = shape + D_A**2 * (1 - M * T / (2 * E**2) - T / E)
        return G_F**2 * M / (4 * np.pi) * HBARC2 * shape

    return plus


def tensor_nsi(**eps):
    """PK tensor NSI: 4 G_F^2 M/pi sum_b Q_T,ab^2 (1 - T/E - M T/(4 E^2))."""

    def plus(T, E, nucleus, source, F_p, F_n):
        vectors = nsi(**{k.replace("T_", "V_"): v for k, v in eps.items()})
        Q2 = sum(Q**2 for Q in vectors(T, nucleus, source, F_p, F_n).values())
        M = nucleus.mass
        return 4 * G_F**2 * M / np.pi * HBARC2 * Q2 * (1 - T / E - M * T / (4 * E**2))

    return plus


def survival(dm2, **sin2):
    """3+1 disappearance at 19.3 m; sin2 by flavour, e.g. e=0.3."""
    phase = 1.26693268 * dm2 * 19.3

    return lambda E, source: 1 - sin2.get(FLAVOUR[source], 0.0) * np.sin(phase / E) ** 2


def standard_radius(flavour):
    """The Standard Model's charge radius [1e-32 cm^2]."""
    return -radius_term(flavour) / radius_charge(1e-32)

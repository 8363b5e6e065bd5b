"""Formulas of physics beyond the Standard Model as the papers print them, for `oracle.counts`.

Independent of the package. An amplitude maps `At` to {outgoing flavour: charge}, added to the
Standard Model's before the square; an addition maps it to a cross section. Units: MeV, fm, cm^2.
P20, PK, NGI, LM, C20 as in `oracle_physics`; nucleon and quark masses are the PDG's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from support.oracle_physics import (
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


@dataclass(frozen=True)
class At:
    """Arguments of an amplitude; Z and N are Z F_p and N F_n, q2 = 2 M T, a the flavour."""

    T: Any
    E: Any
    M: float
    source: str
    a: str
    Z: Any
    N: Any
    F_p: Any

    @property
    def q2(self):
        return 2 * self.M * self.T


def interfering(amplitude=None, *, plus=None, sm=SM, form=HELM, kinematics="approximate", P=None):
    """dsigma/dT of the Standard Model with an amplitude, an addition, or both.

    Args:
        amplitude: Function At -> {outgoing flavour: charge}.
        plus: Function At -> cross section to add, cut at the end point.
        sm: Coupling scheme and sin^2 theta_W, or a function of the source giving (g_p, g_n).
        form: Form factors.
        kinematics: Convention.
        P: Survival probability (E, source).
    """

    def dsigma(T, E, nucleus, source):
        F_p, F_n = form(np.sqrt(2 * nucleus.mass * T) / HBARC, nucleus)
        a = FLAVOUR[source]
        at = At(T, E, nucleus.mass, source, a, nucleus.Z * F_p, nucleus.N * F_n, F_p)
        g_p, g_n = sm(source) if callable(sm) else couplings(*sm, a)
        out = {a: g_p * at.Z + g_n * at.N}
        for b, charge in (amplitude(at) if amplitude else {}).items():
            out[b] = out.get(b, 0.0) + charge
        value = vector(sum(Q**2 for Q in out.values()), T, E, at.M, kinematics)
        if plus is not None:
            value = value + np.where(E_min(T, at.M, kinematics) <= E, plus(at), 0.0)
        return value * (P(E, source) if P else 1.0)

    return dsigma


def pair_value(values, prefix, a, b):
    """Entry ab of a symmetric matrix given as prefix_ab or prefix_ba, 0 if absent."""
    return values.get(f"{prefix}{a}{b}", values.get(f"{prefix}{b}{a}", 0.0))


def by_pair(**matrix):
    """{(source, b): value} from values by flavour pair, e.g. ee=1, emu=2."""
    return {(s, b): pair_value(matrix, "", a, b) for s, a in FLAVOUR.items() for b in LEPTON}


# --- amplitudes ---
def _quarks(u, d, at):
    """Charge of the nucleus when quarks carry u and d."""
    return (2 * u + d) * at.Z + (u + 2 * d) * at.N


def nsi(**eps):
    """Vector NSI, e.g. eps_uV_ee=0.1."""
    entry = lambda q, at, b: pair_value(eps, f"eps_{q}V_", at.a, b)  # noqa: E731
    return lambda at: {b: _quarks(entry("u", at, b), entry("d", at, b), at) for b in LEPTON}


def charge_radius(r2, factor=-1.0):
    """Charge radii {(source, b): r2 in 1e-32 cm^2}: factor x Qt Z F_p."""
    per = factor * radius_charge(1e-32)
    return lambda at: {b: per * x * at.Z for (s, b), x in r2.items() if s == at.source}


def millicharge(sign=-1, **q):
    """Charges in 1e-8 e by flavour pair; q^2 = sign x 2 M T."""
    per = -2 * ROOT2 * np.pi * ALPHA * 1e-8 / G_F
    return lambda at: {b: per * pair_value(q, "", at.a, b) / (sign * at.q2) * at.Z for b in LEPTON}


def light_vector(g, m, u, d, leptons, norm=ROOT2):
    """Z' with quark charges u, d and {flavour: charge}: g^2 Q_l (...)/(norm G_F (q^2 + m^2))."""

    def amplitude(at):
        return {at.a: g**2 * leptons[at.a] * _quarks(u, d, at) / (norm * G_F * (at.q2 + m**2))}

    return amplitude


# Nodes and weights of x in [0, 1]: at q = 1 GeV 200 of them leave 1e-11 of the loop.
_X, _W = (a / 2 for a in np.polynomial.legendre.leggauss(200))
_X = _X + 0.5


def loop_log(q2, plus, minus):
    """6 int x (1 - x) ln[(m_minus^2 + x (1 - x) q^2)/(m_plus^2 + x (1 - x) q^2)] dx."""
    xx = _X * (1 - _X)
    above, below = (LEPTON[a] ** 2 + np.multiply.outer(q2, xx) for a in (minus, plus))
    return 6 * np.log(above / below) @ (_W * xx)


def lepton_loop(g, m, plus, minus, sign=1, running=False):
    """L_plus - L_minus by one loop: nu_plus +, nu_minus -, at q^2 or at q^2 = 0."""
    strength = sign * ALPHA * g**2 / (3 * ROOT2 * np.pi * G_F)
    charge = {plus: strength, minus: -strength}

    def amplitude(at):
        log = loop_log(at.q2 if running else 0.0, plus, minus)
        return {at.a: charge.get(at.a, 0.0) * log * at.Z / (at.q2 + m**2)}

    return amplitude


def ngi_vector(xi_V):
    """xi_V beyond the Standard Model: C_V = N xi_V and Q = -C_V/2."""
    return lambda at: {at.a: -xi_V * at.N / 2}


def ngi_quark_vector(C_u=0.0, C_d=0.0):
    """Quark C_V: Q = -C_V/2 with C_V = Z (2 C_u + C_d) + N (C_u + 2 C_d)."""
    return lambda at: {at.a: -_quarks(C_u, C_d, at) / 2}


# --- additions ---
def magnetic(mu, power=2):
    """Magnetic moments {source: mu in 1e-10 mu_B}, with Z^2 F_p^power."""

    def plus(at):
        per = np.pi * ALPHA**2 / M_E**2 * HBARC2 * at.Z**2 * at.F_p ** (power - 2)
        return per * (1e-10 * mu.get(at.source, 0.0)) ** 2 * (1 / at.T - 1 / at.E)

    return plus


SCALAR_P = M_P / M_U * 0.019 + M_P / M_D * 0.041
SCALAR_N = M_N / M_U * 0.023 + M_N / M_D * 0.034


def light_scalar(g, m, per_proton=15.1, per_neutron=14.0):
    """P20 eq. 20 with the charge (14 A + 1.1 Z) F split into protons and neutrons."""

    def plus(at):
        charge = per_proton * at.Z + per_neutron * at.N
        strength = at.M**2 * charge**2 * g**4 / (4 * np.pi * (at.q2 + m**2) ** 2)
        return strength * at.T / at.E**2 * HBARC2

    return plus


def _ngi(scalar2, tensor2, R, at):
    """Scalar, tensor and scalar-tensor rates from N^2 xi_S^2, N^2 xi_T^2, N^2 R."""
    y, z = at.M * at.T / (2 * at.E**2), at.T / at.E
    sign = 1.0 if at.source.endswith("_bar") else -1.0
    shape = scalar2 * y + tensor2 * (1 - y / 2 - z) + sign * R * z
    return G_F**2 * at.M / (4 * np.pi) * HBARC2 * shape


def ngi_effective(xi_S=0.0, xi_T=0.0, R_ST=0.0):
    """Effective couplings but xi_V, which interferes (`ngi_vector`)."""
    return lambda at: _ngi((at.N * xi_S) ** 2, (at.N * xi_T) ** 2, at.N**2 * R_ST, at)


def ngi_quark(**C):
    """Quark couplings C_u_S, D_d_P, D_u_A, C_u_T, D_d_T, ... that do not interfere."""

    def pair(letter, index):
        return (C.get(f"{letter}_{q}_{index}", 0.0) for q in "ud")

    def scalar(u, d, at):
        on_p = u * M_P / M_U * 0.019 + d * M_P / M_D * 0.041
        on_n = u * M_N / M_U * 0.023 + d * M_N / M_D * 0.034
        return on_p * at.Z + on_n * at.N

    def tensor(u, d, at):
        return (0.54 * u - 0.23 * d) * at.Z + (-0.23 * u + 0.54 * d) * at.N

    def plus(at):
        C_S, D_P = scalar(*pair("C", "S"), at), scalar(*pair("D", "P"), at)
        C_T, D_T = tensor(*pair("C", "T"), at), tensor(*pair("D", "T"), at)
        R = 2 * (C_S * C_T - D_P * D_T)
        D_A = _quarks(*pair("D", "A"), at)
        axial = D_A**2 * (1 - at.M * at.T / (2 * at.E**2) - at.T / at.E)
        rest = _ngi(C_S**2 + D_P**2, 8 * (C_T**2 + D_T**2), R, at)
        return rest + G_F**2 * at.M / (4 * np.pi) * HBARC2 * axial

    return plus


def tensor_nsi(**eps):
    """PK tensor NSI: 4 G_F^2 M/pi sum_b Q_T,ab^2 (1 - T/E - M T/(4 E^2))."""
    charges = nsi(**{name.replace("T_", "V_"): value for name, value in eps.items()})

    def plus(at):
        Q2 = sum(Q**2 for Q in charges(at).values())
        shape = 1 - at.T / at.E - at.M * at.T / (4 * at.E**2)
        return 4 * G_F**2 * at.M / np.pi * HBARC2 * Q2 * shape

    return plus


# --- flux and constants ---
def survival(dm2, **sin2):
    """3+1 disappearance at 19.3 m, dm2 [eV^2]; sin2 by flavour, e.g. e=0.3."""
    # eV^2 m/MeV: 1e-12 MeV^2 x 1e15 fm over 4 E hbar c.
    phase = 1e3 / (4 * HBARC) * dm2 * 19.3
    return lambda E, source: 1 - sin2.get(FLAVOUR[source], 0.0) * np.sin(phase / E) ** 2


def standard_radius(flavour):
    """The Standard Model's charge radius [1e-32 cm^2]."""
    return -radius_term(flavour) / radius_charge(1e-32)

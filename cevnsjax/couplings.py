"""Standard Model couplings of neutrinos to nucleons in four schemes, and to electrons.

Each scheme maps sin^2 theta_W to ``NucleonCouplings``: g_Vp by neutrino flavour and g_Vn, in the
convention Q = g_Vp Z F_p + g_Vn N F_n (at tree level 1/2 - 2 s_W^2 and -1/2).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cevnsjax.core import constants as c
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import Real, RealLike, Reals
from cevnsjax.lepton_loops import flavour_polarisation
from cevnsjax.numerics import total

FLAVOURS = ("e", "mu", "tau")


class NucleonCouplings(NamedTuple):
    """Vector couplings; ``g_Vp`` is ordered e, mu, tau [1]."""

    g_Vp: tuple[Real, Real, Real]
    g_Vn: Real


class ElectronCouplings(NamedTuple):
    """Vector and axial couplings of the electron by neutrino flavour e, mu, tau [1]."""

    g_V: tuple[Real, Real, Real]
    g_A: tuple[float, float, float]


@dataclass(frozen=True)
class CouplingScheme:
    """A named scheme: its default sin^2 theta_W, its couplings and their source."""

    name: str
    sin2_theta_w: float
    couplings: Callable[[Real], NucleonCouplings]
    source: str

    @property
    def slope(self) -> float:
        """Derivative of g_Vp by sin^2 theta_W; every scheme is linear in it [1]."""
        return float(self.couplings(1.0).g_Vp[0]) - float(self.couplings(0.0).g_Vp[0])


def _tree(s2: Real) -> NucleonCouplings:
    g_Vp = 0.5 - 2 * s2
    return NucleonCouplings((g_Vp, g_Vp, g_Vp), -0.5)


# Papoulias, PRD 102, 113004, eqs. 4-5 (PDG 2018).
_RHO_NUN, _KAPPA_NUN = 1.0082, 0.9972
_LAMBDA_UL, _LAMBDA_DL, _LAMBDA_DR = -0.0031, -0.0025, 3.7e-5
_LAMBDA_UR = _LAMBDA_DR / 2


def _pdg2018(s2: Real) -> NucleonCouplings:
    x = _KAPPA_NUN * s2
    u = _RHO_NUN * (0.5 - 4 / 3 * x) + _LAMBDA_UL + _LAMBDA_UR
    d = _RHO_NUN * (-0.5 + 2 / 3 * x) + _LAMBDA_DL + _LAMBDA_DR
    g_Vp = 2 * u + d
    # The s_W^2 terms of u + 2d cancel exactly; leaving them out avoids rounding errors.
    g_Vn = -0.5 * _RHO_NUN + _LAMBDA_UL + _LAMBDA_UR + 2 * (_LAMBDA_DL + _LAMBDA_DR)
    return NucleonCouplings((g_Vp, g_Vp, g_Vp), g_Vn)


# Erler and Su, Prog. Part. Nucl. Phys. 71, 119; as used by Cadeddu et al., PRD 102, 015030.
_RHO, _ALPHA_Z, _S2_Z, _ALPHA_S_W, _ALPHA_S_Z = 1.00063, 1 / 127.955, 0.23122, 0.12, 0.12


def charge_radius_term(flavour: str) -> float:
    """The charge-radius part of g_Vp in ``erler_su``, (alpha/6 pi)(3 - 2 ln(m_l^2/m_W^2)) [1]."""
    ratio = 2 * math.log(c.lepton_mass[flavour] / c.m_W)
    return c.alpha / (6 * math.pi) * (3 - 2 * ratio)


def _erler_su(s2: Real) -> NucleonCouplings:
    box = _ALPHA_Z / (4 * math.pi * _S2_Z)
    common = _RHO * (0.5 - 2 * s2) - box * (1 - 2 * _ALPHA_S_W / math.pi)
    e, mu, tau = (common + charge_radius_term(flavour) for flavour in FLAVOURS)
    g_Vn = -0.5 * _RHO - 0.5 * box * (7 - 5 * _ALPHA_S_Z / math.pi)
    return NucleonCouplings((e, mu, tau), g_Vn)


def running_couplings(s2: Real, q2: RealLike) -> NucleonCouplings:
    """``erler_su`` with the lepton loops of charge radii and weak mixing angle at q^2.

    In a charge radius ln(m_l^2/m_W^2) becomes 6 int_0^1 x (1 - x) ln[(m_l^2 + y)/m_W^2] dx with y =
    x (1 - x) q^2 (compare Bahcall, Kamionkowski and Sirlin, PRD 51, 6146); the angle falls by
    (alpha/12 pi) (1 - 4 s2) times the polarisations of the three leptons. Loops of hadrons, about
    -9e-6 in s2 at 100 MeV, are left out.

    Args:
        s2: sin^2 theta_W at q^2 = 0 [1].
        q2: Momentum transfer squared [MeV^2].

    Returns:
        Couplings, g_Vp shaped like ``q2`` [1].
    """
    loops = [flavour_polarisation(q2, flavour) for flavour in FLAVOURS]
    angle = _running_angle(s2, loops)
    g_Vp, g_Vn = _erler_su(angle)
    per_loop = c.alpha / (3 * math.pi)
    e, mu, tau = (g - per_loop * loop for g, loop in zip(g_Vp, loops, strict=True))
    return NucleonCouplings((e, mu, tau), g_Vn)


def electron_couplings(s2: Real, q2: RealLike | None = None) -> ElectronCouplings:
    """Couplings of neutrinos to the electron at tree level, 2 s2 +- 1/2 and +-1/2.

    Args:
        s2: sin^2 theta_W [1].
        q2: Momentum transfer squared; given, the loops of ``running_couplings`` are added, those of
            charge radii with the electron's charge, as far as they depend on it [MeV^2].

    Returns:
        Couplings, shaped like ``q2`` where they run [1].
    """
    signs = (1, -1, -1)
    g_V: list[Real] = [2 * s2 + sign / 2 for sign in signs]
    if q2 is not None:
        loops = [flavour_polarisation(q2, flavour) for flavour in FLAVOURS]
        angle = _running_angle(s2, loops)
        radii = [c.alpha / (3 * math.pi) * loop for loop in loops]
        g_V = [2 * angle + sign / 2 + radius for sign, radius in zip(signs, radii, strict=True)]
    return ElectronCouplings((g_V[0], g_V[1], g_V[2]), (0.5, -0.5, -0.5))


def _running_angle(s2: Real, loops: Sequence[Reals]) -> Reals:
    """sin^2 theta_W less what the loops of the three leptons take from it [1]."""
    return s2 - c.alpha / (12 * math.pi) * (1 - 4 * s2) * total(loops)


_S2_ERLER_SU = 0.23857
# As printed in PRD 102, 015030, g_Vp for nu_e and nu_mu. The paper prints no value for nu_tau,
# which therefore comes from the formula.
_PRINTED_G_VP, _PRINTED_G_VN = (0.0401, 0.0318), -0.5094


def _erler_su_printed(s2: Real) -> NucleonCouplings:
    shift = -2 * _RHO * (s2 - _S2_ERLER_SU)
    tau = _erler_su(_S2_ERLER_SU).g_Vp[2]
    e, mu = _PRINTED_G_VP
    return NucleonCouplings((e + shift, mu + shift, tau + shift), _PRINTED_G_VN)


SCHEMES: dict[str, CouplingScheme] = {
    s.name: s
    for s in (
        CouplingScheme("tree", 0.2312, _tree, "tree level; s_W^2 of PRD 97, 033003"),
        CouplingScheme("pdg2018", 0.2382, _pdg2018, "PDG 2018 as in PRD 102, 113004, eqs. 4-5"),
        CouplingScheme("erler_su", _S2_ERLER_SU, _erler_su, "PPNP 71, 119; PRD 102, 015030"),
        CouplingScheme(
            "erler_su_printed",
            _S2_ERLER_SU,
            _erler_su_printed,
            "three digits printed in PRD 102, 015030",
        ),
    )
}
"""Schemes by name."""


def coupling_scheme(name: str) -> CouplingScheme:
    """The scheme called ``name``, or an ``UnknownNameError`` that lists the nearest names."""
    if not isinstance(name, str) or name not in SCHEMES:
        raise UnknownNameError("coupling scheme", name, SCHEMES)
    return SCHEMES[name]

"""Nuclear form factors as amplitudes, analytic in q^2 and in the squared radius.

Every family is a frozen record of its shape constants. It gives the amplitude ``F(q2, R_rms)`` at
an rms radius, and ``R_rms(A)``, the radius that its papers tie to A.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax.numpy as jnp

from cevnsjax.core.constants import hbar_c
from cevnsjax.core.errors import InputError
from cevnsjax.core.types import RealLike, Reals
from cevnsjax.numerics import SERIES_MAX, bessel_ratio, coth_ratio, csch_ratio, sinc

NEAR = 0.6 * SERIES_MAX
"""Largest q^2 R_rms^2 at which the power series of every family suffice: box radii squared are at
most 5/3 R_rms^2 [1]."""


def is_near(q2_max: float, R_max: float) -> bool:
    """Whether power series suffice up to a momentum transfer and a radius.

    Args:
        q2_max: Largest momentum transfer squared [MeV^2].
        R_max: Largest rms radius [fm].
    """
    return q2_max * (R_max / hbar_c) ** 2 < NEAR


@runtime_checkable
class FormFactor(Protocol):
    """What the package asks of a form-factor family."""

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude F(q^2), 1 at q^2 = 0 [1], for q2 [MeV^2] and R_rms [fm].

        ``near`` promises q^2 R_rms^2 below ``NEAR``, where power series are enough.
        """
        ...

    @property
    def R_min(self) -> float:
        """Smallest rms radius the family is regular for [fm]."""
        ...

    def R_rms(self, A: int) -> float:
        """Root-mean-square radius the family's own formula gives for mass number A [fm]."""
        ...


def _inputs(q2: RealLike, R_rms: RealLike) -> tuple[Reals, Reals]:
    """q^2 [fm^-2] and R_rms^2 [fm^2] as arrays."""
    return jnp.asarray(q2) * (1 / hbar_c**2), jnp.asarray(R_rms) ** 2


@dataclass(frozen=True)
class Helm:
    """Helm form factor 3 j1(q R_0)/(q R_0) exp(-q^2 s^2/2), R_0^2 = (5/3)(R_rms^2 - 3 s^2).

    Helm, Phys. Rev. 104, 1466 (1956).

    Attributes:
        s: Surface thickness [fm].
        box: R_0(A) for the papers that fix the box radius by a formula: "lewin_smith"
            (R_0^2 = c^2 + 7 pi^2 a^2/3 - 5 s^2, Lewin and Smith, Astropart. Phys. 6, 87),
            or "r_A" for R_0^2 = (r_A A^1/3)^2 - 5 s^2.
        r_A: Radius constant of the "r_A" formula [fm].

    Examples:
        >>> F = cj.Helm(s=0.9)
        >>> F(jnp.array([0.0, 2500.0]), 5.0).round(3)
        Array([1.   , 0.758], dtype=float64)
    """

    s: float = 0.9
    box: str = "lewin_smith"
    r_A: float = 1.2

    def __post_init__(self) -> None:
        _require_positive(s=self.s, r_A=self.r_A)
        if self.box not in ("lewin_smith", "r_A"):
            raise InputError(f"Helm box {self.box!r} is unknown; use 'lewin_smith' or 'r_A'")

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude F(q^2) [1] for q2 [MeV^2] and R_rms [fm]."""
        k2, R2 = _inputs(q2, R_rms)
        R0_squared = (5 / 3) * (R2 - 3 * self.s**2)
        return bessel_ratio(k2 * R0_squared, near=near) * jnp.exp(-0.5 * self.s**2 * k2)

    @property
    def R_min(self) -> float:
        """Zero: the amplitude is entire in R_rms^2 [fm]."""
        return 0.0

    def R_rms(self, A: int) -> float:
        """Radius of the ``box`` formula [fm]."""
        if self.box == "r_A":
            R0_squared = (self.r_A * A ** (1 / 3)) ** 2 - 5 * self.s**2
        else:
            half_density, a = 1.23 * A ** (1 / 3) - 0.6, 0.52
            R0_squared = half_density**2 + 7 * math.pi**2 * a**2 / 3 - 5 * self.s**2
        return math.sqrt(0.6 * R0_squared + 3 * self.s**2)


@dataclass(frozen=True)
class KleinNystrand:
    """Klein-Nystrand form factor 3 j1(q R_A)/(q R_A)/(1 + q^2 a_k^2), R_A = r_A A^1/3.

    Klein and Nystrand, Phys. Rev. C 60, 014903 (1999).

    Attributes:
        a_k: Yukawa range [fm].
        r_A: Radius constant [fm].

    Examples:
        >>> cj.KleinNystrand()(jnp.array([0.0, 2500.0]), 5.0).round(3)
        Array([1.   , 0.759], dtype=float64)
    """

    a_k: float = 0.7
    r_A: float = 1.23

    def __post_init__(self) -> None:
        _require_positive(a_k=self.a_k, r_A=self.r_A)

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude F(q^2) [1] for q2 [MeV^2] and R_rms [fm]."""
        k2, R2 = _inputs(q2, R_rms)
        R_A_squared = (5 / 3) * (R2 - 6 * self.a_k**2)
        return bessel_ratio(k2 * R_A_squared, near=near) / (1 + self.a_k**2 * k2)

    @property
    def R_min(self) -> float:
        """Zero: the amplitude is entire in R_rms^2 [fm]."""
        return 0.0

    def R_rms(self, A: int) -> float:
        """Radius for R_A = r_A A^1/3 [fm]."""
        return math.sqrt(0.6 * (self.r_A * A ** (1 / 3)) ** 2 + 6 * self.a_k**2)


@dataclass(frozen=True)
class SymmetrizedFermi:
    """Form factor of the symmetrised Fermi density with half-density radius c and diffuseness a.

    F = 3/(x^2 + y^2) (y/sinh y) [y coth y sin x/x - cos x], x = q c, y = pi q a, written so that
    q^2 cancels and q = 0 is a regular point. Piekarewicz et al., Phys. Rev. C 94, 034316 (2016).

    Attributes:
        a: Diffuseness [fm].

    Examples:
        >>> cj.SymmetrizedFermi()(jnp.array([0.0, 2500.0]), 5.0).round(3)
        Array([1.   , 0.759], dtype=float64)
    """

    a: float = 0.52

    def __post_init__(self) -> None:
        _require_positive(a=self.a)

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude F(q^2) [1] for q2 [MeV^2] and R_rms [fm]."""
        k2, R2 = _inputs(q2, R_rms)
        pi_a_squared = (math.pi * self.a) ** 2
        c_squared = (5 / 3) * R2 - (7 / 3) * pi_a_squared
        x2, y2 = k2 * c_squared, k2 * pi_a_squared
        surface = 3 * pi_a_squared * coth_ratio(y2) * sinc(x2, near=near)
        bracket = surface + c_squared * bessel_ratio(x2, near=near)
        return csch_ratio(y2) * bracket / (c_squared + pi_a_squared)

    @property
    def R_min(self) -> float:
        """Radius at half-density radius c = 0; the formula has a pole below [fm]."""
        return math.sqrt(1.4) * math.pi * self.a

    def R_rms(self, A: int) -> float:
        """Radius for c = 1.23 A^1/3 - 0.6 fm [fm]."""
        c_squared = (1.23 * A ** (1 / 3) - 0.6) ** 2
        return math.sqrt(0.6 * c_squared + 1.4 * (math.pi * self.a) ** 2)


FORM_FACTORS: dict[str, Callable[[], FormFactor]] = {
    "helm": Helm,
    "klein_nystrand": KleinNystrand,
    "symmetrized_fermi": SymmetrizedFermi,
}
"""Families by name, with their default constants."""


def _require_positive(**constants: float) -> None:
    for name, value in constants.items():
        if not value > 0:
            raise InputError(f"form factor constant {name} must be > 0 fm, got {value}")

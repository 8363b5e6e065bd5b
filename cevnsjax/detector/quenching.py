"""Quenching: electron-equivalent energy of a nuclear recoil, with its shape parameters.

Every model has a method ``E_ee(T_nr, shape, xp)`` in MeV and its derivative ``slope``. ``shape``
holds shape parameters by short name; those left out are at their nominal values: ``qf_scale``
multiplies the curve, and ``qf_1``, ``qf_2``, ... add published variations in units of their
standard deviations.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.names import short_name
from cevnsjax.core.types import Numbers, Values
from cevnsjax.numerics import piecewise_cubic
from cevnsjax.parameters import Normal, Parameter
from cevnsjax.tables import read_csv

OUTSIDE = ("refused", "constant")
"""What becomes of recoils outside a table."""
# Responses are right so many standard deviations of the scale from 1; further away is refused.
_MOST_SD = 5.0


@runtime_checkable
class Quenching(Protocol):
    """What the package asks of a quenching model."""

    @property
    def variations(self) -> tuple[tuple[float, ...], ...]:
        """Published shifts by +1 standard deviation, one for each parameter qf_k."""
        ...

    def E_ee(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """Electron-equivalent energy, shaped like ``T_nr`` [MeV]."""
        ...

    def slope(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """dE_ee/dT_nr, shaped like ``T_nr`` [1]."""
        ...


def dtype_of(shape: Values) -> np.dtype:
    """Type of the shape parameters in a trace; float64 when an experiment is built."""
    return next((v.dtype for v in shape.values() if hasattr(v, "dtype")), np.dtype(float))


@dataclass(frozen=True)
class PolynomialQuenching:
    """E_ee = c_1 T + c_2 T^2 + ..., T in MeV.

    Attributes:
        coefficients: c_1, c_2, ... [MeV^(1-k)].
        variations: Shifts of the coefficients by one standard deviation, a row for each variation.
    """

    coefficients: tuple[float, ...]
    variations: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.coefficients or any(len(v) != len(self.coefficients) for v in self.variations):
            raise InputError(
                f"quenching polynomial with {len(self.coefficients)} coefficients needs variations "
                f"of the same length, got {[len(v) for v in self.variations]}"
            )

    def _shifted(self, shape: Values) -> list[Numbers]:
        shifted: list[Numbers] = list(self.coefficients)
        for k, variation in enumerate(self.variations, start=1):
            if (name := f"qf_{k}") in shape:
                shifted = [c + shape[name] * d for c, d in zip(shifted, variation, strict=True)]
        return [c * shape["qf_scale"] for c in shifted] if "qf_scale" in shape else shifted

    def E_ee(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:  # noqa: ARG002
        """Electron-equivalent energy, shaped like ``T_nr`` [MeV]."""
        total: Numbers = 0.0
        for c in reversed(self._shifted(shape)):
            total = (total + c) * T_nr
        return total

    def slope(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:  # noqa: ARG002
        """dE_ee/dT_nr, shaped like ``T_nr`` [1]."""
        total: Numbers = 0.0
        for power, c in reversed(list(enumerate(self._shifted(shape), start=1))):
            total = total * T_nr + power * c
        return total


@dataclass(frozen=True)
class TabulatedQuenching:
    """Quenching factor f(T) through tabulated points: not-a-knot cubic spline, constant outside.

    Attributes:
        T_nr: Recoil energies, increasing [MeV].
        factor: Quenching factors at ``T_nr`` [1].
        variations: None are known.
        outside: Whether an experiment that needs recoils outside the table is "refused", or takes
            the first and last factor for them, "constant".
    """

    T_nr: tuple[float, ...]
    factor: tuple[float, ...]
    variations: tuple[tuple[float, ...], ...] = ()
    outside: str = "refused"

    def __post_init__(self) -> None:
        if len(self.T_nr) != len(self.factor) or len(self.T_nr) < 4:
            raise InputError(
                f"tabulated quenching needs at least 4 points with one factor each, got "
                f"{len(self.T_nr)} energies and {len(self.factor)} factors"
            )
        if any(b <= a for a, b in zip(self.T_nr, self.T_nr[1:], strict=False)):
            raise InputError("tabulated quenching: recoil energies must increase; sort the points")
        if self.outside not in OUTSIDE:
            raise InputError(
                f"tabulated quenching: outside is refused or constant, got {self.outside!r}"
            )

    def _factor(self, T_nr: Numbers, xp: ModuleType) -> tuple[Numbers, Numbers]:
        """Factor and its derivative, constant outside the table."""
        inside = (T_nr > self.T_nr[0]) & (T_nr < self.T_nr[-1])
        f, df = piecewise_cubic(
            np.asarray(self.T_nr),
            _spline(self.T_nr, self.factor),
            xp.clip(T_nr, self.T_nr[0], self.T_nr[-1]),
            xp,
        )
        return f, xp.where(inside, df, 0.0)

    def E_ee(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """Electron-equivalent energy, shaped like ``T_nr`` [MeV]."""
        return self._factor(T_nr, xp)[0] * T_nr * shape.get("qf_scale", 1.0)

    def slope(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """dE_ee/dT_nr, shaped like ``T_nr`` [1]."""
        f, df = self._factor(T_nr, xp)
        return (f + df * T_nr) * shape.get("qf_scale", 1.0)


@lru_cache(maxsize=32)
def _spline(x: tuple[float, ...], y: tuple[float, ...]) -> np.ndarray:
    from scipy.interpolate import CubicSpline  # 0.3 s to import, needed for tables only

    return CubicSpline(x, y, bc_type="not-a-knot").c


def coherent2020() -> PolynomialQuenching:
    """The polynomial of COHERENT's 2020 campaign with its two published variations.

    Akimov et al., arXiv:2111.02477; coefficients of the CsI 2021 data release.
    """
    table = read_csv("csi_quenching", "coherent2020.csv")
    rows = {
        str(name): np.array([table[k][i] for k in ("a", "b_per_mev", "c_per_mev2", "d_per_mev3")])
        for i, name in enumerate(table["variation"])
    }
    nominal = rows["nominal"]
    shifts = tuple(tuple(map(float, rows[f"shift{k}_plus"] - nominal)) for k in (0, 1))
    return PolynomialQuenching(tuple(map(float, nominal)), shifts)


def c20_proxy() -> TabulatedQuenching:
    """A tuned proxy for the Chicago-3 curve of Cadeddu et al. (arXiv:1907.04828); 6-30 PE only."""
    table = read_csv("csi_quenching", "c20_proxy.csv")
    T = tuple(float(x) * 1e-3 for x in table["t_kev"])
    return TabulatedQuenching(T, tuple(map(float, table["quenching_factor"])), outside="constant")


def constant(factor: float = 0.0878) -> PolynomialQuenching:
    """One factor within (0, 1] for all energies; 8.78 % in COHERENT's 2017 release."""
    if not 0 < factor <= 1:
        raise InputError(f"quenching factor must lie in (0, 1], got {factor}")
    return PolynomialQuenching((float(factor),))


CSI_LIGHT_YIELD_KEV = 13.348
"""CsI[Na] light yield [PE/keVee] (COHERENT 2017 release)."""


def pe117() -> PolynomialQuenching:
    """n_PE = 1.17 T/keV (Liao and Marfatia, PLB 775, 54), as a factor at 13.348 PE/keVee."""
    return PolynomialQuenching((1.17 / CSI_LIGHT_YIELD_KEV,))


CSI_QUENCHING = {
    "coherent2020": coherent2020,
    "constant": constant,
    "pe117": pe117,
    "c20_proxy": c20_proxy,
}
"""CsI[Na] models by name."""


def csi_quenching(model: str | float | Quenching) -> Quenching:
    """A CsI quenching model from its name, from a constant factor, or from the model itself."""
    if isinstance(model, str):
        if model not in CSI_QUENCHING:
            raise UnknownNameError("quenching", model, CSI_QUENCHING, "(or a constant factor)")
        return CSI_QUENCHING[model]()
    if isinstance(model, int | float) and not isinstance(model, bool):
        return constant(float(model))
    if isinstance(model, bool) or not hasattr(model, "E_ee"):
        raise InputError(f"quenching must be a name, a factor or a model, got {model!r}")
    return model


def quenching_parameters(model: Quenching, experiment: str, sd_scale: float) -> list[Parameter]:
    """Shape parameters of a model for an experiment, whose ``short_name`` ends their names.

    ``sd_scale`` is the standard deviation of the overall scale [1].
    """
    nuisance = partial(Parameter, kind="nuisance", owner=experiment)
    scale = nuisance(
        f"qf_scale_{short_name(experiment)}",
        f"scale of the quenching curve of {experiment}",
        default=1.0,
        bounds=(max(0.2, 1 - _MOST_SD * sd_scale), min(3.0, 1 + _MOST_SD * sd_scale)),
        latex=r"\eta_\mathrm{QF}",
        scale=0.05,
        prior=Normal(1.0, sd_scale),
    )
    variations = [
        nuisance(
            f"qf_{k}_{short_name(experiment)}",
            f"published quenching variation {k} of {experiment}, in standard deviations",
            default=0.0,
            bounds=(-3.0, 3.0),
            latex=rf"\alpha_{{\mathrm{{QF}},{k}}}",
            scale=0.5,
            prior=Normal(0.0, 1.0),
        )
        for k in range(1, len(model.variations) + 1)
    ]
    return [scale, *variations]

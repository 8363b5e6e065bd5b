"""Choices of the papers on CsI 2017: form factors, shifts, powers, sums and normalisations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from cevnsjax.analyses import (
    analysis,
    aristizabal2018,
    liao_marfatia2017,
    papoulias2020,
)
from cevnsjax.core.constants import hbar_c
from cevnsjax.core.types import RealLike, Reals, Values
from cevnsjax.form_factors import Helm, KleinNystrand
from cevnsjax.interactions import (
    NSI,
    Charges,
    GeneralizedInteractions,
    LightVector,
    NucleusAtNodes,
    StandardModel,
)
from cevnsjax.reproduce.beyond.reading import Reading, spans, with_theory
from cevnsjax.reproduce.quantities import signal_events

_RADIUS = (-150.0, 100.0)


class LinearSum(NSI):
    """Off-diagonal couplings that add to Q^2 linearly, as eq. 14 of PRD 102, 113004 prints them.

    For values at or above 0, without a gradient at 0: a misprint to compare with.
    """

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Amplitudes whose squares are the printed terms."""
        charges = super().__call__(values, nucleus)
        return Charges(vector={key: jnp.sqrt(jnp.abs(a)) for key, a in charges.vector.items()})


@dataclass(frozen=True)
class GrowingHelm(Helm):
    """Helm with exp(+q^2 s^2/2), the sign that PRD 98, 075018 prints."""

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude [1] for q2 [MeV^2] and R_rms [fm]."""
        k2 = jnp.asarray(q2) * (1 / hbar_c**2)
        return super().__call__(q2, R_rms, near=near) * jnp.exp(self.s**2 * k2)


def _with(
    paper: str, parameter: str, options: Mapping[str, Any], within: tuple[float, float]
) -> str:
    """The interval of a parameter when its interaction has these options."""
    conditions: dict[str, Any] = {"quenching": "new"} if paper == "papoulias2020" else {}
    model = analysis(paper, named=[parameter], interaction_options=options, **conditions)
    return spans(model, parameter, within)


def papoulias() -> list[Reading]:
    """Papoulias, PRD 102, 113004."""
    paper = "papoulias2020"

    def events(quenching: str) -> Reading:
        return Reading(
            paper,
            "radius constant of Klein-Nystrand",
            f"events, {quenching} quenching factor",
            {"r_A = 1.20 fm": 1.20, "r_A = 1.23 fm": 1.23},
            lambda r_A: signal_events(
                with_theory(
                    papoulias2020(quenching),
                    StandardModel("pdg2018", form_factor=KleinNystrand(r_A=r_A), radii="formula"),
                )
            ),
            "1.23 in the text below the form factor; 1.20 reproduces the events of Table I",
            f"N_SM.{quenching}",
        )

    return [
        events("old"),
        events("new"),
        Reading(
            paper,
            "shift of sin2_theta_w by a charge radius",
            "<r^2> of nu_e, new quenching factor [1e-32 cm^2]",
            {"half of eq. 17": 0.5, "all of eq. 17": 1.0},
            lambda x: _with(paper, "r2_nu_e", {"charge_radius": {"factor": x}}, _RADIUS),
            "eq. 17 prints twice what Table I has",
            "r2_nue.new",
        ),
        Reading(
            paper,
            "form factor of the magnetic moment",
            "mu_nu, new quenching factor [1e-10 mu_B]",
            {"one power": 1, "two powers": 2},
            lambda n: _with(
                paper, "mu_nu", {"magnetic_moment": {"form_factor_power": n}}, (0, 100)
            ),
            "eq. 15 has two powers; Table I follows from one",
            "mu_nu_F1.new",
        ),
        Reading(
            paper,
            "off-diagonal couplings in the weak charge",
            "magnitude of eps_dV_etau, new quenching factor",
            {"sum of squares": NSI, "linear sum": LinearSum},
            lambda sum_of: spans(
                papoulias2020("new", interactions=[sum_of("eps_dV_etau")]),
                "eps_dV_etau",
                (0.0, 8.0),
            ),
            "eq. 14 prints the sum over other flavours without squares",
        ),
        Reading(
            paper,
            "error of the form factor in the signal's pull",
            "R_n, new quenching factor [fm]",
            {"taken out": "excluded", "left in": "included"},
            lambda error: spans(
                papoulias2020("new", radius="free", form_factor_error=error), "R_n", (2.0, 9.0)
            ),
            "the pull's 12.8 % contain 5 % for the form factor, whose radius is free here",
            "R_n_90.new.noFF",
        ),
    ]


def papoulias_kosmas() -> list[Reading]:
    """Papoulias and Kosmas, PRD 97, 033003."""
    paper = "papoulias_kosmas2019"
    return [
        Reading(
            paper,
            "shift of sin2_theta_w by a charge radius",
            "<r^2> of nu_e [1e-32 cm^2]",
            {"all of it": 1.0, "half": 0.5},
            lambda x: _with(paper, "r2_nu_ee", {"charge_radius": {"factor": x}}, _RADIUS),
            "the later paper's table has half; this one prints no interval",
        )
    ]


def aristizabal() -> list[Reading]:
    """Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018."""
    paper = "aristizabal2018"

    def fitted(xi: str, within: tuple[float, float]) -> Reading:
        return Reading(
            paper,
            "two numbers fitted to the tables",
            xi,
            {"rates x 1.07, C_V^SM/N = 0.939": True, "formulas alone": False},
            lambda scaled: spans(
                aristizabal2018(scaled=scaled, interactions=[GeneralizedInteractions()]), xi, within
            ),
            "of unknown origin; with the formulas alone the limits of Table 1 are off by 2-4 %",
            f"T1_{xi}_90",
        )

    def printed() -> StandardModel:
        growing = GrowingHelm(s=0.9, box="lewin_smith")
        return StandardModel("tree", form_factor=growing, radii="formula", kinematics="ngi")

    return [
        fitted("xi_S", (0.0, 5.0)),
        fitted("xi_V", (-5.0, 5.0)),
        Reading(
            paper,
            "sign in the exponent of Helm's form factor",
            "events",
            {
                "exp(-q^2 s^2/2)": aristizabal2018,
                "exp(+q^2 s^2/2)": lambda: with_theory(aristizabal2018(), printed()),
            },
            lambda model: signal_events(model()),
            "the form factor is printed with plus",
        ),
    ]


def liao_marfatia() -> list[Reading]:
    """Liao and Marfatia, PLB 775, 54."""
    return [
        Reading(
            "liao_marfatia2017",
            "normalisation of the boson's amplitude",
            "g of a massless boson, 2 sigma",
            {"2 sqrt2 G_F (eq. 6)": "lm_eq6", "sqrt2 G_F (eqs. 9-10)": "standard"},
            lambda name: spans(
                liao_marfatia2017(interactions=[LightVector("universal", normalization=name)]),
                "g_Zp",
                (0.0, 1e-4),
                level=0.9545,
                fixed={"m_Zp": 0.0},
            ),
            "eq. 6 has twice the denominator of eqs. 9 and 10 of the same paper; Fig. 2 prints no "
            "numbers",
        )
    ]

"""Choices of the papers on CsI 2017: form factors, shifts, powers, sums and normalisations."""

from collections.abc import Iterator
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
from cevnsjax.model import Model
from cevnsjax.reproduce.beyond.reading import Reading, spans, with_theory
from cevnsjax.reproduce.quantities import signal_events

_RADIUS = (-150.0, 100.0)


def papoulias() -> Iterator[Reading]:
    """Papoulias, PRD 102, 113004."""
    paper = "papoulias2020"
    printed = StandardModel("pdg2018", form_factor=KleinNystrand(r_A=1.23), radii="formula")
    for quenching in ("old", "new"):
        model = papoulias2020(quenching)
        yield Reading(
            paper,
            "radius constant of Klein-Nystrand",
            f"events, {quenching} quenching factor",
            "r_A = 1.20 fm",
            signal_events(model),
            "r_A = 1.23 fm",
            signal_events(with_theory(model, printed)),
            "1.23 in the text below the form factor; 1.20 reproduces the events of Table I",
            f"N_SM.{quenching}",
        )
    radius, radius_full = (
        spans(_of_papoulias("r2_nu_e", charge_radius={"factor": factor}), "r2_nu_e", _RADIUS)
        for factor in (0.5, 1.0)
    )
    yield Reading(
        paper,
        "shift of sin2_theta_w by a charge radius",
        "<r^2> of nu_e, new quenching factor [1e-32 cm^2]",
        "half of eq. 17",
        radius,
        "all of eq. 17",
        radius_full,
        "eq. 17 prints twice what Table I has",
        "r2_nue.new",
    )
    one, two = (
        spans(_of_papoulias("mu_nu", magnetic_moment={"form_factor_power": p}), "mu_nu", (0, 100))
        for p in (1, 2)
    )
    yield Reading(
        paper,
        "form factor of the magnetic moment",
        "mu_nu, new quenching factor [1e-10 mu_B]",
        "one power",
        one,
        "two powers",
        two,
        "eq. 15 has two powers; Table I follows from one",
        "mu_nu_F1.new",
    )
    yield _off_diagonal(paper)
    excluded, included = (
        spans(papoulias2020("new", radius="free", form_factor_error=e), "R_n", (2.0, 9.0))
        for e in ("excluded", "included")
    )
    yield Reading(
        paper,
        "error of the form factor in the signal's pull",
        "R_n, new quenching factor [fm]",
        "taken out",
        excluded,
        "left in",
        included,
        "the pull's 12.8 % contain 5 % for the form factor, whose radius is free here",
        "R_n_90.new.noFF",
    )


def _of_papoulias(parameter: str, **options: Any) -> Model:
    named = {"named": [parameter], "interaction_options": options}
    return analysis("papoulias2020", quenching="new", **named)


def _off_diagonal(paper: str) -> Reading:
    name, within = "eps_dV_etau", (0.0, 8.0)
    squares = papoulias2020("new", interactions=[NSI(name)])
    linear = papoulias2020("new", interactions=[LinearSum(name)])
    return Reading(
        paper,
        "off-diagonal couplings in the weak charge",
        "magnitude of eps_dV_etau, new quenching factor",
        "sum of squares",
        spans(squares, name, within),
        "linear sum",
        spans(linear, name, within),
        "eq. 14 prints the sum over other flavours without squares",
    )


class LinearSum(NSI):
    """Off-diagonal couplings that add to Q^2 linearly, as eq. 14 of PRD 102, 113004 prints them.

    For values at or above 0, without a gradient at 0: a misprint to compare with.
    """

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Amplitudes whose squares are the printed terms."""
        charges = super().__call__(values, nucleus)
        return Charges(vector={key: jnp.sqrt(jnp.abs(a)) for key, a in charges.vector.items()})


def papoulias_kosmas() -> Iterator[Reading]:
    """Papoulias and Kosmas, PRD 97, 033003."""
    full, half = (
        spans(
            analysis(
                "papoulias_kosmas2019",
                named=["r2_nu_ee"],
                interaction_options={"charge_radius": {"factor": factor}},
            ),
            "r2_nu_ee",
            _RADIUS,
        )
        for factor in (1.0, 0.5)
    )
    yield Reading(
        "papoulias_kosmas2019",
        "shift of sin2_theta_w by a charge radius",
        "<r^2> of nu_e [1e-32 cm^2]",
        "all of it",
        full,
        "half",
        half,
        "the later paper's table has half; this one prints no interval",
    )


@dataclass(frozen=True)
class GrowingHelm(Helm):
    """Helm with exp(+q^2 s^2/2), the sign that PRD 98, 075018 prints."""

    def __call__(self, q2: RealLike, R_rms: RealLike, *, near: bool = False) -> Reals:
        """Amplitude [1] for q2 [MeV^2] and R_rms [fm]."""
        k2 = jnp.asarray(q2) * (1 / hbar_c**2)
        return super().__call__(q2, R_rms, near=near) * jnp.exp(self.s**2 * k2)


def aristizabal() -> Iterator[Reading]:
    """Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018."""
    paper, xi = "aristizabal2018", GeneralizedInteractions()
    literal = aristizabal2018(interactions=[xi])
    scaled = aristizabal2018(scaled=True, interactions=[xi])
    for letter, within in (("S", (0.0, 5.0)), ("V", (-5.0, 5.0))):
        yield Reading(
            paper,
            "two numbers fitted to the tables",
            f"xi_{letter}",
            "rates x 1.07, C_V^SM/N = 0.939",
            spans(scaled, f"xi_{letter}", within),
            "formulas alone",
            spans(literal, f"xi_{letter}", within),
            "of unknown origin; with the formulas alone the limits of Table 1 are off by 2-4 %",
            f"T1_xi_{letter}_90",
        )
    printed = GrowingHelm(s=0.9, box="lewin_smith")
    sm = StandardModel("tree", form_factor=printed, radii="formula", kinematics="ngi")
    yield Reading(
        paper,
        "sign in the exponent of Helm's form factor",
        "events",
        "exp(-q^2 s^2/2)",
        signal_events(aristizabal2018()),
        "exp(+q^2 s^2/2)",
        signal_events(with_theory(aristizabal2018(), sm)),
        "the form factor is printed with plus",
    )


def liao_marfatia() -> Iterator[Reading]:
    """Liao and Marfatia, PLB 775, 54."""
    eq6, eqs9_10 = (
        spans(
            liao_marfatia2017(interactions=[LightVector("universal", normalization=n)]),
            "g_Zp",
            (0.0, 1e-4),
            level=0.9545,
            fixed={"m_Zp": 0.0},
        )
        for n in ("lm_eq6", "standard")
    )
    yield Reading(
        "liao_marfatia2017",
        "normalisation of the boson's amplitude",
        "g of a massless boson, 2 sigma",
        "2 sqrt2 G_F (eq. 6)",
        eq6,
        "sqrt2 G_F (eqs. 9-10)",
        eqs9_10,
        "eq. 6 has twice the denominator of eqs. 9 and 10 of the same paper; Fig. 2 prints no "
        "numbers",
    )

"""Choices on argon of Cadeddu et al., as the slides of 2020 show them."""

from collections.abc import Callable, Iterator, Sequence

from cevnsjax.analyses import picciau2020
from cevnsjax.analyses.papers.picciau2020 import AveragedMoment
from cevnsjax.experiments import lar_2020
from cevnsjax.interactions import (
    ChargeRadius,
    Charges,
    LightVector,
    MagneticMoment,
    Millicharge,
    StandardModel,
)
from cevnsjax.model import Model
from cevnsjax.reproduce.beyond.reading import Reading, spans, with_theory
from cevnsjax.reproduce.quantities import signal_events

_PAPER, _EVENTS = "picciau2020", "LAr.N_CEvNS_pred"
_THRESHOLD, _MOMENT_THRESHOLD = 1.75, 1.5


def argon() -> Iterator[Reading]:
    """All choices; one quantity is free at a time, whereas the slides free a whole table."""
    yield from _events()
    yield from _signs()
    yield from _readings()


def _events() -> Iterator[Reading]:
    paper, printed = picciau2020("ar"), [StandardModel("erler_su_printed")]
    others = {
        ("couplings", "printed digits", "the slide's formula"): (
            with_theory(paper, StandardModel("erler_su")),
            "digits and formula stand on one slide",
        ),
        ("mass and exposure", "24 kg, 13.7e22 protons", "24.4 kg, 13.8e22 protons"): (
            Model(lar_2020(mass_kg=24.4, protons_on_target=13.8e22), printed),
            "the release has the second; the analysis the first",
        ),
        ("smearing", "none", "0.58 sqrt(E), efficiency on the reconstructed energy"): (
            Model(lar_2020(smearing=True), printed),
            "the release smears; the analysis takes exact intervals of energy",
        ),
    }
    for (choice, taken, instead), (model, source) in others.items():
        events = signal_events(paper), signal_events(model)
        yield Reading(
            _PAPER, choice, "events", taken, events[0], instead, events[1], source, _EVENTS
        )


def _signs() -> Iterator[Reading]:
    minus, plus = (
        spans(_argon([Millicharge("q_nu_mumu", sign=sign)]), "q_nu_mumu", (-60.0, 60.0))
        for sign in (-1, 1)
    )
    yield Reading(
        _PAPER,
        "sign of q^2 in the electric charge",
        "q of nu_mu [1e-8 e]",
        "q^2 = -2 M T",
        minus,
        "q^2 = +2 M T",
        plus,
        "the slide writes q^2; its intervals have the first sign",
    )
    slide, loop = (
        spans(
            _argon([LightVector("L_mu-L_tau", loop_sign=sign)], None),
            "g_Zp",
            (0.0, 5e-3),
            fixed={"m_Zp": 10.0},
        )
        for sign in (-1, 1)
    )
    yield Reading(
        _PAPER,
        "sign of the loop of L_mu - L_tau",
        "g at 10 MeV",
        "minus",
        slide,
        "plus",
        loop,
        "the slide has minus; the loop itself gives plus",
    )


def _readings() -> Iterator[Reading]:
    total, shift = (
        spans(_argon([ChargeRadius("r2_nu_ee", reading=r)]), "r2_nu_ee", (-150.0, 100.0))
        for r in ("total", "shift")
    )
    yield Reading(
        _PAPER,
        "what a charge radius means",
        "<r^2> of nu_e [1e-32 cm^2]",
        "all of it",
        total,
        "beyond the Standard Model's -0.83",
        shift,
        "g_Vp loses its radius term on the slide of charge radii",
    )
    averaged, resolved = (
        spans(_argon([build("mu_nu_e")], _MOMENT_THRESHOLD), "mu_nu_e", (0.0, 150.0))
        for build in (AveragedMoment, MagneticMoment)
    )
    yield Reading(
        _PAPER,
        "spectra of sources in magnetic moments",
        "mu of nu_e [1e-10 mu_B]",
        "one mean spectrum",
        averaged,
        "each source's own",
        resolved,
        "printed limits have the ratio sqrt2, which one mean spectrum gives",
    )


def _argon(
    interactions: Sequence[Callable[..., Charges]], threshold: float | None = _THRESHOLD
) -> Model:
    return picciau2020("ar", threshold_kevee=threshold, interactions=interactions)

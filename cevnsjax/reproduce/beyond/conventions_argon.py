"""Choices on argon of Cadeddu et al., as the slides of 2020 show them."""

from collections.abc import Callable

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

_PAPER = "picciau2020"


def argon() -> list[Reading]:
    """All choices; one quantity is free at a time, whereas the slides free a whole table."""
    return [*events(), *_intervals()]


def events() -> list[Reading]:
    """Choices that change the number of events."""
    printed = [StandardModel("erler_su_printed")]

    def reading(
        choice: str, taken: str, instead: str, other: Callable[[], Model], source: str
    ) -> Reading:
        models = {taken: lambda: picciau2020("ar"), instead: other}
        return Reading(
            _PAPER,
            choice,
            "events",
            models,
            lambda model: signal_events(model()),
            source,
            "LAr.N_CEvNS_pred",
        )

    return [
        reading(
            "couplings",
            "printed digits",
            "the slide's formula",
            lambda: with_theory(picciau2020("ar"), StandardModel("erler_su")),
            "digits and formula stand on one slide",
        ),
        reading(
            "mass and exposure",
            "24 kg, 13.7e22 protons",
            "24.4 kg, 13.8e22 protons",
            lambda: Model(lar_2020(mass_kg=24.4, protons_on_target=13.8e22), printed),
            "the release has the second; the analysis the first",
        ),
        reading(
            "smearing",
            "none",
            "0.58 sqrt(E), efficiency on the reconstructed energy",
            lambda: Model(lar_2020(smearing=True), printed),
            "the release smears; the analysis takes exact intervals of energy",
        ),
    ]


def _intervals() -> list[Reading]:
    return [
        Reading(
            _PAPER,
            "sign of q^2 in the electric charge",
            "q of nu_mu [1e-8 e]",
            {"q^2 = -2 M T": -1, "q^2 = +2 M T": 1},
            lambda sign: spans(
                _argon(Millicharge("q_nu_mumu", sign=sign)), "q_nu_mumu", (-60.0, 60.0)
            ),
            "the slide writes q^2; its intervals have the first sign",
        ),
        Reading(
            _PAPER,
            "sign of the loop of L_mu - L_tau",
            "g at 10 MeV",
            {"minus": -1, "plus": 1},
            lambda sign: spans(
                _argon(LightVector("L_mu-L_tau", loop="q0", loop_sign=sign), None),
                "g_Zp",
                (0.0, 5e-3),
                fixed={"m_Zp": 10.0},
            ),
            "the slide has minus; the loop itself gives plus",
        ),
        Reading(
            _PAPER,
            "what a charge radius means",
            "<r^2> of nu_e [1e-32 cm^2]",
            {"all of it": "total", "beyond the Standard Model's -0.83": "shift"},
            lambda reading: spans(
                _argon(ChargeRadius("r2_nu_ee", reading=reading)), "r2_nu_ee", (-150.0, 100.0)
            ),
            "g_Vp loses its radius term on the slide of charge radii",
        ),
        Reading(
            _PAPER,
            "spectra of sources in magnetic moments",
            "mu of nu_e [1e-10 mu_B]",
            {"one mean spectrum": AveragedMoment, "each source's own": MagneticMoment},
            lambda moment: spans(_argon(moment("mu_nu_e"), 1.5), "mu_nu_e", (0.0, 150.0)),
            "printed limits have the ratio sqrt2, which one mean spectrum gives",
        ),
    ]


def _argon(interaction: Callable[..., Charges], threshold_kevee: float | None = 1.75) -> Model:
    return picciau2020("ar", threshold_kevee=threshold_kevee, interactions=[interaction])

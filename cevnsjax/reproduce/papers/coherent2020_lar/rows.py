"""Rows of COHERENT, PRL 126, 012002: events on argon from the pdfs of the release."""

from collections.abc import Sequence

from cevnsjax.analyses import coherent2020_lar
from cevnsjax.experiments.releases.lar_2020.cells import MORPHS
from cevnsjax.reproduce.quantities import Strength, strength_of, strengths
from cevnsjax.reproduce.rows import Row, rows_of

_PULL = "alpha_sig_lar2020"
_NOT_REPRODUCED = (
    "normalisations only, with the pdfs of the release; the publication's fit has shape variations,"
    " whose effects are listed below"
)


def rows() -> Sequence[Row]:
    """All rows, with normalisations as the only nuisances."""
    strength = _fit("release", ())
    computed = {
        "N_CEvNS": strength.events,
        "N_CEvNS_err": strength.error,
        "N_BRN_prompt": strength.background["brn"],
        "N_BRN_delayed": strength.background["delayed_brn"],
        "N_SS": strength.background["steady_state"],
        "significance": strength.significance,
    }
    return rows_of("coherent2020_lar", computed, dict.fromkeys(computed, _NOT_REPRODUCED))


def variations(signal: str = "release") -> str:
    """What each shape variation changes with the pdf of the "release" or the "computed" one."""
    cases = {"none": (), **{name: (name,) for name in MORPHS}, "all": MORPHS}
    fits = {name: _fit(signal, morphs) for name, morphs in cases.items()}
    return strengths(fits, f"shape variations ({signal} signal)")


def _fit(signal: str, morphs: tuple[str, ...]) -> Strength:
    return strength_of(coherent2020_lar(signal, morphs=morphs), _PULL)

"""Rows of COHERENT, Science 357, 1123: events and significance of the first observation."""

from collections.abc import Sequence

from cevnsjax.analyses import coherent2017
from cevnsjax.reproduce.quantities import Strength, strength_of, strengths
from cevnsjax.reproduce.rows import Row, rows_of

_PULL = "alpha_sig_csi2017"


def rows() -> Sequence[Row]:
    """Both rows, without smearing of the photoelectrons."""
    strength = _fit("none")
    computed = {"N_CEvNS": strength.events, "significance": strength.significance}
    reason = (
        "how the publication smears photoelectrons is not in the release; no smearing and Poisson "
        "smearing lie on either side of it"
    )
    return rows_of("coherent2017", computed, dict.fromkeys(computed, reason))


def smearings() -> str:
    """The same fit with and without smearing, as a Markdown table."""
    return strengths({name: _fit(name) for name in ("none", "poisson")}, "smearing")


def _fit(smearing: str) -> Strength:
    return strength_of(coherent2017(smearing=smearing), _PULL)

"""Rows of Papoulias and Kosmas, PRD 97, 033003: the weak mixing angle.

The paper shows its limits as curves; the numbers compared with are those of PRD 102, 113004, eq. 11
with the old quenching factor.
"""

from collections.abc import Sequence

from cevnsjax.analyses import papoulias_kosmas2019
from cevnsjax.inference.fits.profile import profile
from cevnsjax.reproduce.rows import Number, Row, rows_of

_REASON = (
    "the paper prints no number; the one beside is from PRD 102, 113004, eq. 11 (old quenching "
    "factor), whose binned fit with another form factor is said to differ slightly"
)


def rows() -> Sequence[Row]:
    """Best fit and interval of sin2_theta_w from the single bin."""
    profiled = profile(papoulias_kosmas2019(), "sin2_theta_w", levels=(0.90,))
    computed: dict[str, Number] = {"s2w_bf": profiled.best_fit, "s2w90": profiled.intervals["0.90"]}
    return rows_of("papoulias_kosmas2019", computed, dict.fromkeys(computed, _REASON))

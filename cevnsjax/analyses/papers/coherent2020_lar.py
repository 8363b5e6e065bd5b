"""COHERENT, PRL 126, 012002: argon in energy, F90 and time, with the signal's strength free.

960 Poisson cells with the pdfs of the release (doi:10.5281/zenodo.3903810), normalised to their
own sums: prompt beam neutrons 497 +- 160, delayed 33 +- 33, steady state 3154 +- 25, CEvNS free.
Without shape variations the fit gives 159.7 +42.9 -42.2 events at 3.87 sigma, chi2 1067.29; the
publication, with them, has 159 +- 43 at 3.5 sigma.
"""

import math
from collections.abc import Sequence
from typing import Literal, cast

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.analyses.signal_strength import SignalShape, with_free_strength
from cevnsjax.core import checks
from cevnsjax.experiments import lar_2020
from cevnsjax.experiments.releases.lar_2020.cells import SIGNALS
from cevnsjax.model import Model


def coherent2020_lar(
    signal: str = "release", *, morphs: str | Sequence[str] = (), interactions: Interactions = ()
) -> Model:
    """The likelihood of COHERENT, PRL 126, 012002; alpha_sig_lar2020 is the signal's strength.

    Args:
        signal: "release" for the release's pdf, which theory only scales, or "computed" for the
            theory's own shape in energy and time, with couplings as in PRD 102, 015030.
        morphs: Shape variations of the release to fit as nuisances: "f90" and "time" of the signal,
            "brn_energy", "brn_time" and "brn_width" of the prompt neutrons, or "all".
        interactions: Interactions beyond the Standard Model.

    Raises:
        UnknownNameError: At an unknown option value.
        InputError: If ``morphs`` is not a list of names.

    Examples:
        >>> cj.analyses.coherent2020_lar().experiments["lar-2020"].grid
        (1, 12, 8, 10)
        >>> cj.analyses.coherent2020_lar("computed").experiments["lar-2020"].grid
        (12, 8, 10)
    """
    checks.known("coherent2020_lar", signal=(signal, SIGNALS))
    experiment = lar_2020(
        statistic="cells",
        signal=cast(Literal["computed", "release"], signal),
        morphs=morphs,
        pulls={"sig": math.inf},
    )
    sm = SignalShape("erler_su_printed")
    return with_free_strength(experiment, sm, interactions, name="coherent2020_lar")


ANALYSIS = Analysis(coherent2020_lar)

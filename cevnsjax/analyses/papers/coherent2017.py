"""COHERENT, Science 357, 1123: the likelihood of the observation in photoelectrons and time.

12 x 24 Poisson cells of 2 PE x 0.5 us, 6-30 PE and 0-12 us, with the signal's strength free, beam
neutrons known to 25 % and the steady state to 1/sqrt(703). Constant quenching factor, Klein-
Nystrand with r_A = 1.20 fm, PDG-2018 couplings. The fit gives 132.3 +23.4 -22.5 events at 6.58
sigma (printed: 134 +- 22 at 6.7); with Poisson smearing of the photoelectrons 136.9 at 6.85.
"""

import math

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.analyses.signal_strength import SignalShape, with_free_strength
from cevnsjax.core import checks
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import KleinNystrand
from cevnsjax.model import Model

_SMEARING = {"none": None, "poisson": "poisson"}


def coherent2017(*, smearing: str = "none", interactions: Interactions = ()) -> Model:
    """The likelihood of COHERENT, Science 357, 1123; alpha_sig_csi2017 is the signal's strength.

    Args:
        smearing: "none", or "poisson" for photoelectron statistics with the acceptance at 1-PE
            centres.
        interactions: Interactions beyond the Standard Model.

    Raises:
        UnknownNameError: At an unknown option value.

    Examples:
        >>> model = cj.analyses.coherent2017()
        >>> model.experiments["csi-2017"].grid
        (12, 24)
    """
    checks.known("coherent2017", smearing=(smearing, _SMEARING))
    experiment = csi_2017(
        "constant",
        statistic="time",
        window_us=(0, 12),
        smearing=_SMEARING[smearing],
        # The default width of the steady state is that of its 703 anticoincidence events.
        pulls={"sig": math.inf, "brn": 0.25},
    )
    sm = SignalShape("pdg2018", form_factor=KleinNystrand(r_A=1.20), radii="formula")
    return with_free_strength(experiment, sm, interactions, name="coherent2017")


ANALYSIS = Analysis(coherent2017)

"""COHERENT, PRL 129, 081801: the full CsI data as 9 x 11 Poisson cells of photoelectrons and time.

Beam neutrons 25 %, neutrino-induced neutrons 35 %, steady state 2.1 %; the signal is free for the
number of events and has its 12 % for sin2_theta_w. The proton pulse is fitted to the release's
neutron times, because the flux histogram is not among the data. Without shape variations, the
default, the fit gives 308.7 events (printed: 306 +- 20).
"""

import math
from collections.abc import Sequence

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.analyses.signal_strength import SignalShape, with_free_strength
from cevnsjax.core import checks
from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments import csi_2021
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model

_SIGNAL_SD = {"free": math.inf, "constrained": 0.12}
_PULSES = {"neutrons": Pulse(0.47193122, 0.13813900), "flux": None}
_COUPLINGS = "erler_su_printed"


def coherent2021(
    normalisation: str = "free",
    *,
    pulse: str = "neutrons",
    morphs: str | Sequence[str] = (),
    interactions: Interactions = (),
) -> Model:
    """The likelihood of COHERENT, PRL 129, 081801.

    Args:
        normalisation: Of the signal: "free", fitted as alpha_sig_csi2021, or "constrained" to
            12 %, with sin2_theta_w fitted; naming sin2_theta_w implies the latter.
        pulse: "neutrons" for 0.472 us and 0.138 us, fitted to the release's neutron times, or
            "flux" for 0.472 us and 0.150 us, from the released flux histogram.
        morphs: Shape variations to fit as nuisances: "qf_1", "qf_2", "eff", "time", or "all".
        interactions: Interactions beyond the Standard Model.

    Raises:
        UnknownNameError: At an unknown option value.
        InputError: If ``morphs`` is not a list of names.

    Examples:
        >>> free, constrained = (cj.analyses.coherent2021(n) for n in ("free", "constrained"))
        >>> [m.parameters["alpha_sig_csi2021"].linear for m in (free, constrained)]
        [False, True]
    """
    checks.known("coherent2021", normalisation=(normalisation, _SIGNAL_SD), pulse=(pulse, _PULSES))
    experiment = csi_2021(
        pulse=_PULSES[pulse], morphs=morphs, pulls={"sig": _SIGNAL_SD[normalisation]}
    )
    if normalisation == "free":
        return with_free_strength(
            experiment, SignalShape(_COUPLINGS), interactions, name="coherent2021"
        )
    return Model(experiment, [StandardModel(_COUPLINGS), *interactions], name="coherent2021")


ANALYSIS = Analysis(coherent2021, variants={"sin2_theta_w": {"normalisation": "constrained"}})

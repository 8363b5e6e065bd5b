"""Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018: generalized interactions.

14.6 kg with number fractions 0.51 and 0.49, Lewin-Smith Helm, 1.17 PE/keV, tree couplings, the
- T/E term, 13 bins from 6 to 32 PE. Misprints repaired here: exp(-q^2 s^2/2), E_min = sqrt(M T/2),
F^2 once. The limits then lie 2-4 % off its Table 1. ``scaled`` applies two fitted numbers whose
origin is unknown, 1.07 on all rates and C_V^SM/N = 0.939: the limits then agree to 1.5 %.
"""

from dataclasses import replace

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.core.types import Values
from cevnsjax.couplings import coupling_scheme
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import Helm
from cevnsjax.interactions import Charges, Interaction, NucleusAtNodes, StandardModel
from cevnsjax.interactions.charges import SOURCE_FLAVOUR
from cevnsjax.model import Model
from cevnsjax.nuclei import Target, target
from cevnsjax.parameters import Parameter

_FRACTIONS = (0.51, 0.49)
_SCALED_RATE = 1.07
SCALED_CV = 0.939
"""C_V^SM/N of both nuclei in the scaled form [1]."""


def aristizabal2018(*, scaled: bool = False, interactions: Interactions = ()) -> Model:
    """The analysis of Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018.

    Args:
        scaled: Whether to use the two fitted numbers that reproduce the printed limits.
        interactions: Interactions beyond the Standard Model, usually GeneralizedInteractions.

    Examples:
        >>> cj.analyses.aristizabal2018().experiments["csi-2017"].grid
        (13,)
    """
    mass_kg = 14.6 * (_SCALED_RATE if scaled else 1.0)
    experiment = csi_2017("pe117", mass_kg=mass_kg, bins=(6, 32), pulls={"sig": 0.28})
    experiment = replace(experiment, target=_target())
    sm = StandardModel(
        "tree", form_factor=Helm(s=0.9, box="lewin_smith"), radii="formula", kinematics="ngi"
    )
    extra = [_ScaledCoupling()] if scaled else []
    return Model(experiment, [sm, *extra, *interactions], name="aristizabal2018")


def _target() -> Target:
    """CsI with the paper's number fractions of 2 m N_A/M_CsI nuclei."""
    csi = target("CsI")
    pairs = sum(csi.per_kg)
    return Target("CsI", csi.nuclei, tuple(f * pairs for f in _FRACTIONS))


class _ScaledCoupling(Interaction):
    """Moves C_V^SM/N of the default s_W^2 to the fitted value."""

    def own_parameters(self) -> list[Parameter]:
        """No parameter: the shift is fixed."""
        return []

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source."""
        del values
        scheme = coupling_scheme("tree")
        g_Vp, g_Vn = scheme.couplings(scheme.sin2_theta_w)
        Z, N = nucleus.nucleus.Z, nucleus.nucleus.N
        coupling = -2 * (g_Vp[0] * Z + g_Vn * N) / N
        shift = -0.5 * (SCALED_CV - coupling) * nucleus.NF_n
        return Charges(vector={(s, SOURCE_FLAVOUR[s]): shift for s in nucleus.sources})


ANALYSIS = Analysis(aristizabal2018)

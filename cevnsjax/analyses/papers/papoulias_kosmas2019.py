"""Papoulias and Kosmas, PRD 97, 033003: CsI-2017 as a single bin.

(142 - N(1 + xi) - 6(1 + zeta))^2/(142 + 6 + 2 x 405) + (xi/0.28)^2 + (zeta/0.25)^2, with N summed
over 6-30 PE at 1.17 PE/keV, tree couplings and a Helm form factor with s = 0.5 fm.
"""

from dataclasses import replace

import numpy as np

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import Helm
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model

_NEUTRONS, _ANTICOINCIDENCE = 6.0, 405.0


def papoulias_kosmas2019(*, interactions: Interactions = ()) -> Model:
    """The single-bin analysis of Papoulias and Kosmas, PRD 97, 033003.

    Args:
        interactions: Interactions beyond the Standard Model.

    Examples:
        >>> model = cj.analyses.papoulias_kosmas2019()
        >>> model.experiments["csi-2017"].variance
        array([958.])
    """
    experiment = csi_2017("pe117", statistic="counting", pulls={"sig": 0.28})
    observed = experiment.observed
    experiment = replace(
        experiment,
        backgrounds={name: np.array([_NEUTRONS]) for name in experiment.backgrounds},
        variance=observed + _NEUTRONS + 2 * _ANTICOINCIDENCE,
    )
    sm = StandardModel("tree", form_factor=Helm(s=0.5, box="r_A", r_A=1.2), radii="formula")
    return Model(experiment, [sm, *interactions], name="papoulias_kosmas2019")


ANALYSIS = Analysis(
    papoulias_kosmas2019,
    conventions={"charge_radius": {"via": "sin2_theta_w", "couplings": "tree", "factor": 1.0}},
)

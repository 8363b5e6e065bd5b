"""Liao and Marfatia, PLB 775, 54: CsI-2017 with one signal pull and no neutrons (eq. 7).

14.6 kg, Klein-Nystrand with r_A = 1.20 fm, 1.17 PE/keV, tree couplings, variance C + AC.
"""

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import KleinNystrand
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model


def liao_marfatia2017(*, interactions: Interactions = ()) -> Model:
    """The analysis of Liao and Marfatia, PLB 775, 54.

    Args:
        interactions: Interactions beyond the Standard Model.

    Examples:
        >>> model = cj.analyses.liao_marfatia2017(interactions=[cj.NSI("eps_uV_ee")])
        >>> [type(i).__name__ for i in model.interactions]
        ['StandardModel', 'NSI']
    """
    experiment = csi_2017(
        "pe117", mass_kg=14.6, pulls={"sig": 0.28}, prompt_neutrons=False, variance="C+AC"
    )
    sm = StandardModel("tree", form_factor=KleinNystrand(r_A=1.20), radii="formula")
    return Model(experiment, [sm, *interactions], name="liao_marfatia2017")


ANALYSIS = Analysis(liao_marfatia2017, conventions={"light_vector": {"normalization": "lm_eq6"}})

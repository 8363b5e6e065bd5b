"""Interactions: each is one pure function from parameter values and a nucleus to ``Charges``.

A class listed here is known by its ``key`` and its parameters on the command line and to analyses.
The order is that of the parameters in a model.
"""
# ruff: noqa: I001

from cevnsjax.interactions.charges import Charges as Charges
from cevnsjax.interactions.charges import NucleusAtNodes as NucleusAtNodes
from cevnsjax.interactions.interaction import Interaction as Interaction
from cevnsjax.interactions.standard_model import StandardModel as StandardModel
from cevnsjax.interactions.nsi import NSI as NSI
from cevnsjax.interactions.nsi import matter_nsi as matter_nsi
from cevnsjax.interactions.electrons import ElectronNSI as ElectronNSI
from cevnsjax.interactions.electromagnetic import MagneticMoment as MagneticMoment
from cevnsjax.interactions.named_moments import DiracMoment as DiracMoment
from cevnsjax.interactions.named_moments import MajoranaMoment as MajoranaMoment
from cevnsjax.interactions.charge_radius import ChargeRadius as ChargeRadius
from cevnsjax.interactions.electromagnetic import Millicharge as Millicharge
from cevnsjax.interactions.vector_mediator import GaugeCharges as GaugeCharges
from cevnsjax.interactions.vector_mediator import LightVector as LightVector
from cevnsjax.interactions.scalar_mediator import LightScalar as LightScalar
from cevnsjax.interactions.generalized import GeneralizedInteractions as GeneralizedInteractions
from cevnsjax.interactions.tensor_nsi import TensorNSI as TensorNSI
from cevnsjax.interactions.sterile import Sterile as Sterile

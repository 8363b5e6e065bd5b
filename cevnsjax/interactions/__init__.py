"""Interactions: each is one pure function from parameter values and a nucleus to ``Charges``."""

from cevnsjax.interactions.charges import Charges as Charges
from cevnsjax.interactions.charges import NucleusAtNodes as NucleusAtNodes
from cevnsjax.interactions.standard_model import StandardModel as StandardModel

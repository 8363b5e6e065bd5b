"""Experiments, interactions and parameters as one differentiable likelihood."""

from cevnsjax.model.bound import BoundFunction as BoundFunction
from cevnsjax.model.model import Model as Model

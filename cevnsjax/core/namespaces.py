"""One text of a formula for NumPy and jax: the module that belongs to the arrays at hand."""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def numpy_of(*arrays: Any) -> ModuleType:
    """``jax.numpy`` if any of some arrays or numbers is jax's, traced ones too; else ``numpy``."""
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np

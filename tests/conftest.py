"""Float64, strict promotion, one hypothesis profile; `golden(name)` loads a golden file."""

import jax
import pytest
from hypothesis import HealthCheck, settings
from support import helpers

import cevnsjax

cevnsjax.enable_x64()
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile(
    "cevnsjax",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("cevnsjax")


@pytest.fixture
def golden():
    """Function from the name of a golden file to its entries by id."""
    return helpers.golden

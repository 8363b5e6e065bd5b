"""Float64, strict promotion, one hypothesis profile; `golden(name)` loads a golden file."""

import os
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings
from support import helpers

import cevnsjax

# Workers of one run, processes that tests start and later runs share compiled programs.
CACHE = {
    "jax_compilation_cache_dir": str(Path(__file__).parents[1] / ".pytest_cache" / "jax"),
    "jax_persistent_cache_min_compile_time_secs": 0.1,
    "jax_compilation_cache_max_size": 2**30,
}
for name, value in CACHE.items():
    os.environ.setdefault(name.upper(), str(value))
    jax.config.update(name, type(value)(os.environ[name.upper()]))

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


# Linux gives a process 65530 mappings of memory; each compiled program keeps several, and a
# process that has none left crashes in the middle of the next compilation.
MAX_MAPPINGS = 20_000
MAPPINGS = Path("/proc/self/maps")


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """Forget compiled programs now and then; those that are needed again come from the cache."""
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MAX_MAPPINGS:
        jax.clear_caches()


@pytest.fixture
def golden():
    """Function from the name of a golden file to its entries by id."""
    return helpers.golden

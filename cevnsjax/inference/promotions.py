"""Type promotion for the libraries that posteriors are built on."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def standard_promotion() -> Iterator[None]:
    """Let numpyro, blackjax and flowjax mix ranks and types, whatever JAX is set to outside.

    The setting holds for the thread that enters the context.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield

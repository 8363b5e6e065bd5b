"""Float64 is the default and is required at the public doors; float32 is a deliberate choice."""

import numpy as np

from cevnsjax.core.errors import InputError, PrecisionError

DTYPES = {"float64": np.float64, "float32": np.float32}


def enable_x64() -> None:
    """Switch on 64-bit floats in jax; call it once, before the first array is made.

    Examples:
        >>> cj.enable_x64()
        >>> jnp.ones(1).dtype
        dtype('float64')
    """
    import jax

    jax.config.update("jax_enable_x64", True)


def x64_enabled() -> bool:
    """Whether jax computes in 64 bits."""
    import jax

    return bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]


def numpy_dtype(dtype: str) -> np.dtype:
    """The NumPy dtype behind a ``dtype`` option, checked against jax's configuration.

    Raises:
        InputError: If ``dtype`` is neither "float64" nor "float32".
        PrecisionError: If float64 is asked for while jax has 64-bit floats switched off.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is not supported; use 'float64' or 'float32'")
    if dtype == "float64":
        require_x64()
    return np.dtype(DTYPES[dtype])


def require_x64() -> None:
    """Reject a jax that has 64-bit floats switched off.

    Raises:
        PrecisionError: Naming the call that switches them on.
    """
    if not x64_enabled():
        raise PrecisionError(
            "float64 is required and jax has it switched off; call cevnsjax.enable_x64() first "
            "(or pass dtype='float32' to Model for screening at about 1e-3 in chi2)"
        )

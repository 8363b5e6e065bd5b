"""How a command sets jax up."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where compiled programs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cevnsjax" / "jax"


def prepare() -> None:
    """Set jax up for a command: float64, and the compilation cache if its folder can be made."""
    import jax

    jax.config.update("jax_enable_x64", True)
    # Programs here take microseconds; handing each to another thread costs more than it does.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

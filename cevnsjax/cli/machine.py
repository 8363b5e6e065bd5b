"""How a command sets jax up."""

import os
import warnings
from functools import cache
from pathlib import Path

from cevnsjax.core.disk.files import try_to_write


def cache_folder() -> Path:
    """Where compiled programs are kept between runs."""
    return _cache_base() / "cevnsjax" / "jax"


def _cache_base() -> Path:
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # no home
        return Path(os.devnull)


def prepare() -> None:
    """Set jax up for a command: float64, and the compilation cache if it can be written."""
    import jax

    jax.config.update("jax_enable_x64", True)
    # Programs here take microseconds; handing each to another thread costs more than it does.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    folder = cache_folder()
    if problem := _problem_of(folder):
        _mention(problem)
        return
    # A disk that fills up later costs time, and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _problem_of(folder: Path) -> str:
    """Why files cannot be written in a folder, which is made; "" if they can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try_to_write(folder)
    except OSError as problem:
        return f"{folder} cannot be written: {problem.strerror}"
    return ""


@cache
def _mention(problem: str) -> None:
    """Say once why compiled programs are not kept, unless the cache is switched off."""
    if str(_cache_base()) == os.devnull:
        return
    from cevnsjax.inference.progress import say

    say(f"compiled programs are not kept: {problem}; XDG_CACHE_HOME names another folder")

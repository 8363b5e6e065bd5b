"""Machine, data and printing."""

import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from cevnsjax.core.errors import InputError, UnknownNameError

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "numpyro", "matplotlib")


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


def say_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, as wide as the terminal or, in a file, as it needs."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, name in enumerate(head):
        numeric = i > 0 and name not in ("unit", "meaning", "source", "licence", "detail", "title")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    text = StringIO()
    width = max(100, Console().width)
    Console(file=text, width=width, color_system=None).print(table)
    return text.getvalue().rstrip()


def info(as_json: bool) -> None:
    """Print versions, devices and precision."""
    prepare()
    import jax

    from cevnsjax import __version__
    from cevnsjax.tables import datasets

    facts: dict[str, Any] = {
        "cevnsjax": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _PACKAGES},
        "backend": jax.default_backend(),
        "devices": [str(d) for d in jax.devices()],
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",  # pyright: ignore[reportAttributeAccessIssue]
        "compilation_cache": str(cache_folder()),
        "data": list(datasets()),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name:18} {shown}")


def data_list(as_json: bool) -> None:
    """Print the data sets."""
    from cevnsjax.tables import describe

    found = describe()
    if as_json:
        typer.echo(json.dumps({"datasets": found}))
        return
    rows = [(d["name"], d["title"], d["source"], d["licence"]) for d in found]
    typer.echo(say_table("data sets", ("name", "title", "source", "licence"), rows))


def data_verify(dataset: str | None, as_json: bool) -> None:
    """Print the state of every data file; exit status 1 if one differs."""
    from cevnsjax.tables import datasets, verify

    if dataset is not None and dataset not in datasets():
        raise UnknownNameError("data set", dataset, datasets())
    found = verify(dataset)
    if not found:
        raise InputError("no data found; reinstall cevnsjax")
    if as_json:
        keys = ("dataset", "file", "status", "detail")
        typer.echo(json.dumps({"files": [{k: getattr(f, k) for k in keys} for f in found]}))
    else:
        for f in found:
            typer.echo(f"{f.status:9} {f.dataset}/{f.file} {f.detail}".rstrip())
    if any(f.status != "ok" for f in found):
        raise typer.Exit(1)

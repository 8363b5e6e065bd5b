"""The commands about machine and data: info, data list, data verify."""

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated

import typer

from cevnsjax.cli.machine import cache_folder, prepare
from cevnsjax.cli.options import AsJson
from cevnsjax.cli.sink import table
from cevnsjax.core.errors import InputError, UnknownNameError

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "numpyro", "matplotlib")


def info(*, as_json: AsJson = False) -> None:
    """Versions, devices and precision."""
    prepare()
    import jax

    from cevnsjax import __version__
    from cevnsjax.tables import datasets

    facts: Mapping[str, str | list[str]] = {
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
    for name, fact in facts.items():
        typer.echo(f"{name:18} {', '.join(fact) if isinstance(fact, list) else fact}")


def data_list(*, as_json: AsJson = False) -> None:
    """Data sets with title, source and licence."""
    from cevnsjax.tables import describe

    descriptions = describe()
    if as_json:
        typer.echo(json.dumps({"datasets": descriptions}))
        return
    head = ("name", "title", "source", "licence")
    typer.echo(table("data sets", head, [[d[k] for k in head] for d in descriptions]))


def data_verify(
    dataset: Annotated[str | None, "One data set; all if left out."] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare every data file with its manifest; exit status 1 if any differs."""
    from cevnsjax.tables import datasets, verify

    if dataset is not None and dataset not in datasets():
        raise UnknownNameError("data set", dataset, datasets())
    files = verify(dataset)
    if not files:
        raise InputError("no data found; reinstall cevnsjax")
    if as_json:
        keys = ("dataset", "file", "status", "detail")
        typer.echo(json.dumps({"files": [{k: getattr(f, k) for k in keys} for f in files]}))
    else:
        for f in files:
            typer.echo(f"{f.status:9} {f.dataset}/{f.file} {f.detail}".rstrip())
    if any(f.status != "ok" for f in files):
        raise typer.Exit(1)

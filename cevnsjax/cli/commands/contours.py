"""The contours command: stored scans drawn over each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cevnsjax as cj
from cevnsjax.cli.options import Levels, Overwrite, Words
from cevnsjax.cli.sink import FigureSink
from cevnsjax.cli.words import ranges_of
from cevnsjax.core.disk.reading import exists, require_file
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS

if TYPE_CHECKING:
    from xarray import Dataset


def contours(
    scans: Annotated[Words, "Scans: file.nc or label=file.nc."],
    *,
    plot: Annotated[Path, "Figure to write (.png, .pdf, .svg)."],
    level: Levels = DEFAULT_LEVELS,
    point: Annotated[Words, "Mark a point: name=x:y; repeatable."] = (),
    overwrite: Overwrite = False,
) -> None:
    """Draw stored scans of two parameters over each other."""
    sink = FigureSink(plot=plot, overwrite=overwrite)
    marks = [(name, *place) for name, place in ranges_of(point, "--point").items()]
    datasets: dict[str, Dataset] = {}
    for word in scans:
        label, sign, path = word.rpartition("=")
        name = label if sign else Path(path).stem
        if name in datasets:
            raise InputError(f"two scans are called {name}; give labels: label={path}")
        datasets[name] = _opened(path)
    sink.draw(lambda: cj.plots.scan_contours(_labelled(datasets), levels=level, points=marks))


def _labelled(datasets: "dict[str, Dataset]") -> "dict[str, Dataset]":
    from cevnsjax.plots.text import plain

    return {plain(name): dataset for name, dataset in datasets.items()}


def _opened(path: str) -> "Dataset":
    import xarray as xr

    if not exists(Path(path)):
        raise InputError(f"there is no file {path}")
    require_file(Path(path))
    try:
        return xr.open_dataset(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError, RuntimeError):
        raise InputError(f"{path} is not a scan; write one with scan --output x.nc") from None

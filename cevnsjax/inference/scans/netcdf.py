"""Scans as datasets: in memory, or written to netCDF block by block and read as they are used."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from cevnsjax.core.disk.files import reserve, write_output
from cevnsjax.core.errors import InputError
from cevnsjax.inference.axes import Grids, coordinate
from cevnsjax.inference.fits.nuisance_notes import Solve, notes_along
from cevnsjax.inference.objective import Objective
from cevnsjax.inference.scans.stored_grid import GridRows, rows_of

IN_ONE_PIECE = 10_000_000
"""Points above which a second array, or the whole grid in memory, costs more than it helps."""
_BYTES = 8
# Part of the free disk that a scan may take.
_DISK_PART = 0.95
# What a file holds besides its arrays, at most, unless there are thousands of variables.
_OVERHEAD_BYTES = 1 << 18


def dataset_of(
    model: Objective,
    grids: Grids,
    chi2: Float[np.ndarray, "..."],
    engine: str,
    further: Mapping[str, np.ndarray],
    solve: Solve,
    profiled: tuple[str, ...] = (),
) -> xr.Dataset:
    """A scan in memory; ``further`` variables on the grid, and the parameters profiled over.

    One of the variables is "converged". Notes are on nuisances that ``solve`` gives at the best
    point and the corners of the grid.
    """
    dims, table, further = tuple(grids), model.parameters, dict(further)
    converged = further["converged"]
    failed = converged.size - int(np.count_nonzero(converged))
    lowest, place = _lowest(np.where(converged, chi2, np.inf) if 0 < failed < chi2.size else chi2)
    best = {n: float(g[i]) for (n, g), i in zip(grids.items(), place, strict=True)}
    variables: dict[str, Any] = {"chi2": (dims, chi2)}
    if chi2.size <= IN_ONE_PIECE:
        variables["delta_chi2"] = (dims, chi2 - lowest)
    elif not failed:
        del further["converged"]
    for name, array in further.items():
        variables[name] = (dims, array, coordinate(table[name]) if name in table else {})
    points = []
    for index in (place, *product((0, -1), repeat=chi2.ndim)):
        axes = {n: float(g[i]) for (n, g), i in zip(grids.items(), index, strict=True)}
        points.append((axes | {n: float(further[n][index]) for n in profiled}, float(chi2[index])))
    attributes = _attributes(model, engine, lowest, best, failed)
    attributes["notes"] += notes_along(model, points, solve)
    if profiled:
        attributes["profiled"] = list(profiled)
    return xr.Dataset(variables, coords=_coordinates(model, grids), attrs=attributes)


def _lowest(chi2: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The lowest value and its index; the array is read in the order of its memory."""
    order = np.argsort(chi2.strides)[::-1]
    flat = np.transpose(chi2, order)
    index = int(np.argmin(flat))
    if np.isnan(flat.reshape(-1)[index]) and not np.all(np.isnan(flat)):
        index = int(np.nanargmin(flat))
    unordered = np.unravel_index(index, flat.shape)
    place = tuple(int(unordered[k]) for k in np.argsort(order))
    return float(chi2[place]), place


def _coordinates(model: Objective, grids: Grids) -> dict[str, Any]:
    return {n: xr.Variable(n, g, coordinate(model.parameters[n])) for n, g in grids.items()}


def _attributes(
    model: Objective, engine: str, lowest: float, best: Mapping[str, float], failed: int
) -> dict[str, Any]:
    notes = []
    if failed:
        notes.append(
            f"chi2 is not at its minimum over nuisances and profiled parameters at {failed} points "
            "(see converged): it is too high there, or not chi2 at all"
        )
    return {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "engine": engine,
        "chi2_min": lowest,
        "failed": failed,
        "notes": notes,
        **{f"best_fit_{n}": x for n, x in best.items()},
    }


def require_room(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse a scan that the disk cannot hold."""
    needed = float(np.prod(shape, dtype=float)) * _BYTES
    left = shutil.disk_usage(path.parent).free
    if needed > _DISK_PART * left:
        raise InputError(
            f"the scan takes {needed / 1e9:.3g} GB and {path.parent} has {left / 1e9:.3g} GB left; "
            "take fewer points or another disk"
        )


def write_netcdf(path: Path, data: xr.Dataset | xr.DataTree, *, overwrite: bool) -> None:
    """Write a dataset, or a tree of them, whole or not at all."""

    def write(part: Path) -> None:
        reserve(part, data.nbytes + _OVERHEAD_BYTES)
        with _disk_errors():
            data.to_netcdf(str(part), engine="h5netcdf")

    write_output(path, write, overwrite=overwrite)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """HDF5 reports some errors of the disk as errors of the program."""
    try:
        yield
    except RuntimeError as problem:
        if (number := re.search(r"errno = (\d+)", str(problem))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from None


def stored(path: Path, dataset: xr.Dataset, *, overwrite: bool) -> xr.Dataset:
    """Write a dataset whole or not at all, and open it to be read as it is used."""
    write_netcdf(path, dataset, overwrite=overwrite)
    return xr.open_dataset(path, engine="h5netcdf")


def write_blocks(
    path: Path,
    model: Objective,
    grids: Grids,
    blocks: GridRows,
    engine: str,
    solve: Solve,
    *,
    overwrite: bool,
) -> xr.Dataset:
    """Write a scan block by block, whole or not at all, and open it to be read as it is used."""
    order = [*blocks.outer, blocks.inner]

    def write(part: Path) -> None:
        import h5netcdf

        coordinates = xr.Dataset(coords=_coordinates(model, {n: grids[n] for n in order}))
        coordinates.to_netcdf(part, engine="h5netcdf")
        with _disk_errors(), h5netcdf.File(part, "a") as file:
            chi2 = file.create_variable("chi2", tuple(order), dtype=np.float64)
            lowest, best, failed = _fill(chi2, grids, blocks)
            attributes = _attributes(model, engine, lowest, best, failed)
            attributes["notes"] += notes_along(model, [(best, lowest)], solve)
            for name, value in attributes.items():
                file.attrs[name] = value

    write_output(path, write, overwrite=overwrite)
    return xr.open_dataset(path, engine="h5netcdf")


def _fill(chi2: Any, grids: Grids, blocks: GridRows) -> tuple[float, dict[str, float], int]:
    """Write all blocks; the lowest value, the values of the axes there, and the failed points."""
    order = [*blocks.outer, blocks.inner]
    lengths = tuple(grids[n].size for n in order)
    lowest, place, count = np.inf, (0,) * len(order), 0
    for first, (block, failed) in rows_of(blocks, grids):
        _put(chi2, lengths, first, block)
        count += failed.size
        trusted = block
        if failed.size:
            trusted = block.copy()
            trusted.reshape(-1)[failed - first * lengths[-1]] = np.inf
        lowest_here, (row, column) = _lowest(trusted)
        if lowest_here < lowest:
            outer = np.unravel_index(first + row, lengths[:-1]) if lengths[:-1] else ()
            lowest, place = lowest_here, (*(int(i) for i in outer), column)
    return lowest, {n: float(grids[n][i]) for n, i in zip(order, place, strict=True)}, count


def _put(chi2: Any, lengths: tuple[int, ...], first: int, block: np.ndarray) -> None:
    """Write rows into the array of all axes: whole stretches of the last but one axis together."""
    if len(lengths) == 1:
        chi2[:] = block[0]
        return
    done, stretch = 0, lengths[-2]
    while done < len(block):
        *outer, row = (int(i) for i in np.unravel_index(first + done, lengths[:-1]))
        count = min(stretch - row, len(block) - done)
        chi2[(*outer, slice(row, row + count))] = block[done : done + count]
        done += count

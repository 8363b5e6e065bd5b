"""Tables of data releases, and parsing of official release folders as published.

Every error about a file names file, line and remedy.
"""

import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from cevnsjax.core.disk.reading import read_text
from cevnsjax.core.errors import DataError, InputError

Row = tuple[int, tuple[float, ...]]
"""Line number and the numbers on that line."""
Columns = dict[str, Float[np.ndarray, " _"]]
"""Columns of a table by name, all of one length."""
Tables = TypeVar("Tables")


def read_only(values: Any) -> Float[np.ndarray, "..."]:
    """A float64 copy of numbers that cannot be written to."""
    copy = np.array(values, dtype=np.float64)
    copy.flags.writeable = False
    return copy


def chosen_tables(
    experiment: str,
    data: Tables | str | Path | None,
    kind: type[Tables],
    shipped: Callable[[], Tables],
    read: Callable[[str | Path], Tables],
) -> Tables:
    """The tables that a builder uses: those given, those of a folder, or shipped ones if None."""
    if data is None:
        return shipped()
    if isinstance(data, str | Path):
        return read(data)
    if not isinstance(data, kind):
        raise InputError(f"{experiment}: data must be tables or the release folder, got {data!r}")
    return data


def bin_edges(centres: Float[np.ndarray, " _"]) -> tuple[float, ...]:
    """Edges about evenly spaced bin centres, rounded to 1e-6 [unit of the centres]."""
    width = float(centres[1] - centres[0])
    low = float(centres[0]) - width / 2
    return tuple(round(low + k * width, 6) for k in range(len(centres) + 1))


@dataclass(frozen=True)
class ReleaseFolder:
    """A folder of text files with numbers.

    Attributes:
        path: The folder.
        remedy: What to do about a bad file; ends every error message.
    """

    path: Path
    remedy: str

    def error(self, file: str, what: str) -> DataError:
        """The error to raise about ``file``; ``what`` follows its name."""
        return DataError(f"{self.path / file}{what}; {self.remedy}")

    def text(self, file: str) -> str:
        """Content of a file; a DataError says why it cannot be read."""
        try:
            return read_text(self.path / file)
        except DataError as problem:
            raise DataError(f"{problem}; {self.remedy}") from None

    def rows(self, file: str, n_columns: int) -> list[Row]:
        """Numbers between blanks or commas; comments and one header line are skipped.

        Raises:
            DataError: No file, no data, or a line that has other columns or is not numeric.
        """
        rows: list[Row] = []
        header_allowed = True
        for line, content in enumerate(self.text(file).splitlines(), 1):
            if not content.strip() or content.lstrip().startswith("#"):
                continue
            values = tuple(map(_number, re.split(r"\s*,\s*|\s+", content.strip())))
            if header_allowed and all(map(math.isnan, values)):
                header_allowed = False
                continue
            header_allowed = False
            if len(values) != n_columns:
                has = f" line {line} has {len(values)} columns, not {n_columns}"
                raise self.error(file, has)
            if not all(map(math.isfinite, values)):
                raise self.error(file, f" line {line}: {content.strip()!r} is not numeric")
            rows.append((line, values))
        if not rows:
            raise self.error(file, " has no data line")
        return rows

    def table(
        self,
        file: str,
        names: Sequence[str],
        *,
        increasing: bool = True,
        axis: Float[np.ndarray, " _"] | None = None,
    ) -> Columns:
        """Read-only columns by name, ``names`` in the order of the file.

        The first column must increase, unless ``increasing`` is false, and must equal ``axis``, if
        that is given. A DataError says what is wrong.
        """
        rows = self.rows(file, len(names))
        for (_, low), (line, high) in itertools.pairwise(rows):
            if increasing and high[0] <= low[0]:
                raise self.error(file, f" line {line}: {names[0]} {high[0]:g} does not increase")
        columns = np.array([values for _, values in rows]).T
        if axis is not None and not np.array_equal(columns[0], axis):
            raise self.error(file, f" has other bins of {names[0]} than the files before")
        return {name: read_only(column) for name, column in zip(names, columns, strict=True)}

    def grids(
        self,
        files: Mapping[str, str],
        names: Sequence[str],
        *,
        counts: Collection[str] = (),
        widths: Sequence[float] | None = None,
    ) -> tuple[tuple[Float[np.ndarray, " _"], ...], dict[str, Float[np.ndarray, "..."]]]:
        """Bin centres of every axis, and the contents of files that share one grid.

        A row holds one bin centre an axis and the content; rows may come in any order.

        Args:
            files: File by the name of its contents.
            names: Names of the axes.
            counts: Names of the contents that must be whole numbers.
            widths: Bin widths of axes that start at 0, in their units; any even bins if None.

        Raises:
            DataError: As ``rows``; or a negative or fractional content, a cell that is twice there
                or missing, uneven bin centres, or a grid that is not that of the first file.
        """
        grids = {
            name: self._grid(file, names, name in counts, widths) for name, file in files.items()
        }
        first = next(iter(files))
        axes, _ = grids[first]
        for name, (others, _) in grids.items():
            if not all(map(np.array_equal, others, axes)):
                raise self.error(files[name], f" has another grid than {files[first]}")
        return axes, {name: contents for name, (_, contents) in grids.items()}

    def _grid(
        self, file: str, names: Sequence[str], whole: bool, widths: Sequence[float] | None
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        cells: dict[tuple[float, ...], float] = {}
        for line, (*centre, content) in self.rows(file, len(names) + 1):
            if content < 0 or (whole and content != int(content)):
                kind = "whole number" if whole else "number"
                raise self.error(file, f" line {line}: content {content:g} is not a {kind} >= 0")
            if tuple(centre) in cells:
                raise self.error(file, f" line {line}: cell {_cell(names, centre)} again")
            cells[tuple(centre)] = content
        axes = [np.unique(centres) for centres in zip(*cells, strict=True)]
        for name, axis, width in zip(names, axes, widths or [None] * len(axes), strict=True):
            self._check_even(file, name, axis, width)
        grid = list(itertools.product(*(axis.tolist() for axis in axes)))
        for cell in grid:
            if cell not in cells:
                raise self.error(file, f" lacks the cell {_cell(names, cell)}")
        contents = np.reshape([cells[cell] for cell in grid], [axis.size for axis in axes])
        return tuple(map(read_only, axes)), read_only(contents)

    def parameters(self, file: str) -> Callable[[str, str], float]:
        """Look-up of the numbers in a YAML file; enough of YAML for the layout of the releases.

        Returns:
            Function of section and key that raises DataError where there is no number; a named
            entry of a section is ``section.name`` [unit as in the file].
        """
        values: dict[tuple[str, str], float] = {}
        top = section = ""
        for content in self.text(file).splitlines():
            if match := re.match(r"(\w+):\s*$", content):
                top = section = match[1]
            elif match := re.match(r"\s+-\s+name:\s*(\S+)", content):
                section = f"{top}.{match[1]}"
            elif match := re.match(r"\s+(\w+):\s*(\S+)", content):
                values.setdefault((section, match[1]), _number(match[2]))

        def number(section: str, key: str) -> float:
            value = values.get((section, key), math.nan)
            if not math.isfinite(value):
                raise self.error(file, f" has no number for {section} {key}")
            return value

        return number

    def _check_even(self, file: str, name: str, centres: np.ndarray, width: float | None) -> None:
        steps = np.arange(centres.size)
        if width is None:
            expected = centres[0] + (centres[1] - centres[0] if centres.size > 1 else 0.0) * steps
        else:
            expected = width * (steps + 0.5)
        wrong = np.flatnonzero(~np.isclose(centres, expected, rtol=1e-9, atol=1e-9))
        if wrong.size:
            centre, due = centres[wrong[0]], expected[wrong[0]]
            raise self.error(file, f": {name} bin centre {centre:g} where {due:g} is due")


def _cell(names: Sequence[str], centre: Sequence[float]) -> str:
    return "(" + ", ".join(f"{n} {c:g}" for n, c in zip(names, centre, strict=True)) + ")"


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return math.nan

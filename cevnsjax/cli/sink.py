"""Where a command's results go: stdout, stderr, files."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, ParamSpec

import typer

from cevnsjax.cli.options import AsJson, Overwrite, Plot
from cevnsjax.core.disk.files import FIGURES, check_output, write_output
from cevnsjax.core.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset, DataTree

    from cevnsjax.parameters import Parameter

_P = ParamSpec("_P")
_TEXTS = ("unit", "meaning", "source", "licence", "detail", "title")
"""Columns of words, which are aligned on the left."""
# Attributes of datasets whose texts are JSON.
_JSON = ("fixed", "intervals", "truth")


@dataclass(frozen=True, kw_only=True)
class Sink:
    """Where results go; files are checked before the work begins.

    Attributes:
        suffixes: Endings of result files.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    output: Annotated[Path | None, "Write the result to a file (.json)."] = None
    overwrite: Overwrite = False
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.output is not None:
            check_output(self.output, overwrite=self.overwrite, suffixes=self.suffixes)

    @property
    def is_netcdf(self) -> bool:
        """Whether the result file is netCDF."""
        return self.output is not None and self.output.suffix.lower() == ".nc"

    def deliver(
        self, result: Mapping[str, Any], text: str, dataset: "Dataset | DataTree | None" = None
    ) -> None:
        """Print and write a result: data for JSON, and the text that a person reads.

        ``dataset`` is the content of a netCDF file; None if that file has been written already.
        """
        from cevnsjax.inference.records import plain

        data = plain(result)
        try:
            self._write(data, dataset)
        finally:
            # A result that cannot be written is printed all the same.
            typer.echo(json.dumps(data) if self.as_json else printable(text))
        if self.output is not None:
            self.say(f"wrote {self.output}")

    def _write(self, data: Any, dataset: "Dataset | DataTree | None") -> None:
        if self.output is not None and not self.is_netcdf:
            body = json.dumps(data, indent=2) + "\n"
            write_output(self.output, lambda path: path.write_text(body), overwrite=self.overwrite)
        elif self.output is not None and dataset is not None:
            from cevnsjax.inference.scans.netcdf import write_netcdf

            write_netcdf(self.output, dataset, overwrite=self.overwrite)

    def echo(self, text: str) -> None:
        """Print text on stdout, unless stdout is for JSON."""
        if not self.as_json:
            typer.echo(printable(text))

    def say(self, text: str) -> None:
        """Print a line on stderr."""
        typer.echo(printable(text), err=True)


@dataclass(frozen=True, kw_only=True)
class FigureSink(Sink):
    """A sink with a figure file."""

    plot: Plot = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.plot is not None:
            check_output(self.plot, overwrite=self.overwrite, suffixes=FIGURES)

    def draw(self, figure: "Callable[_P, Figure]", *args: _P.args, **keywords: _P.kwargs) -> None:
        """Write what a function of these arguments draws, if a figure was asked for."""
        if self.plot is not None:
            from cevnsjax.plots import save

            save(figure(*args, **keywords), self.plot, overwrite=self.overwrite)
            self.say(f"wrote {self.plot}")


@dataclass(frozen=True, kw_only=True)
class DatasetSink(FigureSink):
    """A sink whose result file is netCDF or JSON."""

    suffixes: ClassVar[tuple[str, ...]] = (".nc", ".json")
    output: Annotated[Path | None, "Write the result to a file (.nc, .json)."] = None


def attributes_of(dataset: "Dataset") -> dict[str, Any]:
    """Attributes of a dataset; texts that are JSON are read."""
    return {
        str(name): json.loads(value) if name in _JSON and isinstance(value, str) else value
        for name, value in dataset.attrs.items()
    }


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, as wide as the terminal or, in a file, as it needs."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for i, name in enumerate(head):
        numeric = i > 0 and name not in _TEXTS
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    text = StringIO()
    width = max(100, Console().width)
    # Names and titles come from files: brackets and colons in them are text.
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    console.print(drawn)
    return text.getvalue().rstrip()


def parameter_table(
    title: str,
    columns: tuple[str, str],
    parameters: "Mapping[str, Parameter]",
    values: Mapping[str, float],
    errors: Mapping[str, float | str | None],
) -> str:
    """A table of parameters with values and errors, or words in the place of errors."""
    from cevnsjax.inference.rounding import rounded

    rows = []
    for name, x in values.items():
        error, p = errors[name], parameters[name]
        texts = (rounded(x, None)[0], error) if isinstance(error, str) else rounded(x, error)
        rows.append((name, *texts, p.unit, p.meaning))
    return table(title, ("parameter", *columns, "unit", "meaning"), rows)

"""Where a command's results go: stdout, stderr, files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cevnsjax.core.files import FIGURES, check_output, write_atomically


@dataclass(frozen=True)
class Sink:
    """Where results go; files are checked before the work begins.

    Attributes:
        plot: Figure file.
        output: Result file.
        overwrite: Whether existing files may be replaced.
        as_json: JSON on stdout instead of text.
        suffixes: Endings of result files.
    """

    plot: Path | None
    output: Path | None
    overwrite: bool
    as_json: bool
    suffixes: tuple[str, ...] = (".json",)

    def __post_init__(self) -> None:
        if self.plot is not None:
            check_output(self.plot, overwrite=self.overwrite, suffixes=FIGURES)
        if self.output is not None:
            check_output(self.output, overwrite=self.overwrite, suffixes=self.suffixes)

    def deliver(self, result: dict[str, Any], text: str, *, written: bool = False) -> None:
        """Print and write a result.

        Args:
            result: Plain data for JSON.
            text: What a person reads.
            written: Whether the result file has been written already.
        """
        typer.echo(json.dumps(result) if self.as_json else text)
        if self.output is None:
            return
        if not written:
            body = json.dumps(result, indent=2) + "\n"
            write_atomically(self.output, lambda p: p.write_text(body))
        self.say(f"wrote {self.output}")

    def draw(self, figure: Any) -> None:
        """Write a figure."""
        from cevnsjax.plots import save

        if self.plot is not None:
            save(figure, self.plot, overwrite=self.overwrite)
            self.say(f"wrote {self.plot}")

    def say(self, text: str) -> None:
        """A line on stderr."""
        typer.echo(text, err=True)

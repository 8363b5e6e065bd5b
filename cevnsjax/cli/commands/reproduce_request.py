"""What the reproduce command is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cevnsjax.cli.options import Words
from cevnsjax.core.errors import InputError

if TYPE_CHECKING:
    from cevnsjax.reproduce.paper import Paper


@dataclass(frozen=True)
class ReproduceRequest:
    """Which papers, how much of them, and the folders for figures and report."""

    names: Annotated[Words, "Papers, e.g. papoulias2020; see --list."] = ()
    _: KW_ONLY
    everything: Annotated[bool, "Every paper."] = False
    quick: Annotated[bool, "Only rows that take seconds."] = False
    listing: Annotated[bool, "Papers and groups of rows; computes nothing."] = False
    figures: Annotated[Path | None, "Draw the papers' figures into a folder."] = None
    report: Annotated[
        Path | None, "Rows and figures on one page, HTML and Markdown, in a folder."
    ] = None
    beyond: Annotated[bool, "All results beyond the papers, minutes; in --all --report."] = False

    @property
    def command(self) -> str:
        """The command that makes the same report."""
        names = ["--all"] if self.everything else self.names
        quick = ["--quick"] if self.quick else []
        beyond = ["--beyond"] if self.beyond else []
        return f"cevnsjax reproduce {' '.join([*names, *quick, *beyond])} --report DIR"

    def papers(self) -> "list[Paper]":
        """The papers that are asked for.

        Raises:
            UnknownNameError: At an unknown paper.
            InputError: If no paper is named, or options contradict each other.
        """
        from cevnsjax.reproduce.catalogue import PAPERS, paper_of

        everything = self.everything or (self.listing and not self.names)
        if everything and self.names:
            raise InputError(f"--all means every paper; leave {', '.join(self.names)} or --all out")
        if self.beyond and self.quick:
            raise InputError("--beyond takes minutes; leave it or --quick out")
        if not everything and not self.names and not self.beyond:
            raise InputError(f"name papers or pass --all; known: {', '.join(PAPERS)}")
        return [paper_of(name) for name in dict.fromkeys(PAPERS if everything else self.names)]

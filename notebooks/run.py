"""Run the notebooks: `python notebooks/run.py [NAME ...] [--check]`.

Each NAME.py (py:percent) is turned into a notebook, run in this folder, and stored with its outputs
as NAME.ipynb, whole or not at all. `--check` runs without writing, and fails where a stored
notebook no longer holds the cells of its script. Needs the extra `notebooks`.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from cevnsjax.core.disk.files import write_atomically

FOLDER = Path(__file__).resolve().parent
LIMIT_S = 300
"""Longest time that a notebook may take [s]."""
LARGEST = 600_000
"""Largest size of a stored notebook [bytes]."""
# The beginning of a progress bar of rich, which is removed from the stored outputs.
_BAR = '<pre style="white-space:pre;overflow-x:auto'
# tqdm, which numpyro imports, warns where ipywidgets is not installed.
_SILENCED = "ignore:IProgress not found"


def names() -> list[str]:
    """Sorted names of the notebooks of this folder."""
    return sorted(p.stem for p in FOLDER.glob("*.py") if _is_notebook(p))


def _is_notebook(path: Path) -> bool:
    return "\n# %%" in path.read_text(encoding="utf-8")


def from_script(name: str) -> nbformat.NotebookNode:
    """The notebook of a script, without outputs and with the same cell names every time."""
    notebook = jupytext.read(FOLDER / f"{name}.py", fmt="py:percent")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": kernel}
    )
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:02d}"
    return notebook


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Kind and source of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def execute(notebook: nbformat.NotebookNode, limit: float) -> None:
    """Run all cells in a fresh kernel and store their outputs in the notebook.

    Args:
        notebook: The notebook to run.
        limit: Longest time for a cell [s].

    Raises:
        RuntimeError: At a cell that fails, warns, or does not end in time.
    """
    client = NotebookClient(
        notebook,
        timeout=int(limit),
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    try:
        client.execute(env={**os.environ, "PYTHONWARNINGS": _SILENCED})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as problem:
        raise RuntimeError(str(problem)) from None
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not _is_bar(o)]
            _require_quiet(cell)


def _is_bar(output: Any) -> bool:
    return output.get("data", {}).get("text/html", "").startswith(_BAR)


def _require_quiet(cell: nbformat.NotebookNode) -> None:
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise RuntimeError(f"{cell.id} writes to stderr:\n{output['text']}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named notebooks; return the number of those that failed."""
    parser = argparse.ArgumentParser(description="Run the notebooks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks; all if none is named")
    parser.add_argument("--check", action="store_true", help="run, compare, write nothing")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for each notebook")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        parser.error(f"no notebook {', '.join(unknown)}; there are {', '.join(names())}")
    failed = 0
    for name in options.names or names():
        started, busy = time.monotonic(), _cpu_s()
        try:
            _run(name, write=not options.check, limit=options.limit)
        except RuntimeError as problem:
            failed += 1
            print(f"{name}: failed\n{problem}", file=sys.stderr)
        else:
            print(f"{name}: {time.monotonic() - started:.0f} s, {_cpu_s() - busy:.0f} s of CPU")
    return failed


def _cpu_s() -> float:
    """CPU time of the kernels that have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(name: str, *, write: bool, limit: float) -> None:
    notebook, path = from_script(name), FOLDER / f"{name}.ipynb"
    if not write:
        stored = nbformat.read(path, as_version=4) if path.exists() else None
        if stored is None or cells(stored) != cells(notebook):
            raise RuntimeError(f"{path.name} holds other cells than {name}.py: run without --check")
    started = time.monotonic()
    execute(notebook, limit)
    if (took := time.monotonic() - started) > limit:
        raise RuntimeError(f"took {took:.0f} s; the limit is {limit:g} s")
    text = nbformat.writes(nbformat.from_dict(notebook)) + "\n"
    if len(text) > LARGEST:
        raise RuntimeError(f"{len(text)} bytes with outputs; the limit is {LARGEST}: draw less")
    if write:
        write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    raise SystemExit(main())

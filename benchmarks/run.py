"""Speed of cevnsjax beside plain NumPy: `python benchmarks/run.py [--quick] [--json FILE]`.

Every comparison is checked for equal numbers first and refused if they differ. The two sides are
timed in turns and medians are given. Ratios above 1 mean that cevnsjax is faster. `--only` runs
some of the groups; "poisson-fits" also compares with iminuit and pyhf where they are installed:
`pip install -e '.[benchmarks]'`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import contours
import fit_rows
import jax
import machine
import pairs
import poisson_fits
import posteriors
import processes
import toys_fc
from timing import Pair, Row, as_dicts, first_calls, from_dicts, measure, shown

_HEAD = ("what", "cevnsjax", "NumPy", "ratio", "largest difference")
_LEGEND = """\
Default csi_2017 analysis in float64; medians, the two sides timed in turns. Ratio: time of NumPy
over time of cevnsjax, above 1 cevnsjax is faster. The last column is the largest relative
difference between the two sides, checked before timing. "rebuilt" computes form factors and flux
at every call, "fixed response" keeps all but the couplings, "nodes" goes through the recoil
nodes, "templates" uses that counts are quadratic in the couplings. cevnsjax takes a dict of
floats, and its scans end in an xarray.Dataset. Rows marked "inline" were run in a process of
their own with jax.config.update("jax_cpu_enable_async_dispatch", False), without which jax hands
calls to another thread. First calls are traced and compiled, without a cache on disk.

"contour" and "interval" rows are whole scans and profiles, compiled before. Closed forms in NumPy
solve both pulls by formula; iminuit and scipy minimise at each point, on the NumPy likelihood with
templates, or, for intervals, on model.value_and_grad from three starts, where cevnsjax also looks
for the crossings. "(n points, scaled)": the other side did so many of the points, drawn at random,
and its time is scaled to all of them; those points are compared. Rows with minimisers ran as
"inline" ones, with one thread of BLAS. A scan to a file is a whole process with imports and
compilation, its peak memory that of cevnsjax and of NumPy. pyhf has no Gaussian chi2 as that of
csi_2017: it scans csi_2021 near the Standard Model, its templates made before and not timed.

"posterior" rows are seconds for a thousand effective draws of the worst parameter, warm-up
included: bulk ones of arviz for cevnsjax, draws over the integrated autocorrelation time for the 32
walkers of emcee; means and sd are compared, in sd, and both densities to 1e-8."""


def rows(quick: bool, only: Collection[str]) -> Iterator[Row]:
    """Measure groups, one row at a time."""
    # First calls are meant to compile, so the compilation cache on disk is switched off.
    jax.config.update("jax_enable_compilation_cache", False)
    for name, group in _GROUPS.items():
        if name in only:
            yield from group(quick)


def _first_calls(quick: bool) -> Iterator[Row]:
    for name, call in pairs.first_calls(pairs.build()).items():
        yield Row(f"first call: {name}", first_calls(call, jax.clear_caches, 1 if quick else 3))


def _in_turns(compared: Sequence[Pair], quick: bool) -> Iterator[Row]:
    for pair in compared:
        yield measure(pair, budget=0.2 if quick else 2.0)


def _scans(quick: bool) -> Iterator[Row]:
    sizes = (100,) if quick else (100, 1000)
    yield from _in_turns([*pairs.scans(pairs.build(), sizes), *pairs.planes(sizes)], quick)
    for name, call in pairs.four_dimensions(10 if quick else 60).items():
        call()
        yield Row(name, first_calls(call, lambda: None, 1 if quick else 5))


def _calls(model: Any) -> list[Pair]:
    return [*pairs.single(model), *pairs.derivatives(model), *pairs.fits(model)]


def _inline(quick: bool) -> Iterator[Row]:
    """The single calls again in a new process, where jax computes in the calling thread."""
    command = [sys.executable, __file__, "--inline-rows", *(["--quick"] if quick else [])]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for row in from_dicts(json.loads(printed)):
        yield replace(row, what=f"inline: {row.what}")


def _print_inline_rows(quick: bool) -> None:
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    measured = list(_in_turns(_calls(pairs.build()), quick))
    print(json.dumps(as_dicts(measured)))


_GROUPS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "first-calls": _first_calls,
    "calls": lambda quick: _in_turns(_calls(pairs.build()), quick),
    "inline": _inline,
    "scans": _scans,
    "contours": contours.rows,
    "posteriors": posteriors.rows,
    "toys": toys_fc.rows,
    "processes": lambda quick: iter(processes.measure(1 if quick else 5)),
}
_POISSON = "poisson-fits"


def cells(row: Row) -> list[str]:
    """A row as text."""
    peak = row.peak_MiB
    memory = f"; peak memory {peak[0]:.0f} and {peak[1]:.0f} MiB" if peak else ""
    return [
        f"{row.what}{memory}",
        shown(row.cevnsjax.median),
        shown(row.numpy.median) if row.numpy else "-",
        f"{row.ratio:.2g}" if row.ratio else "-",
        f"{row.difference:.0e}" if row.difference is not None else "-",
    ]


def markdown(facts: dict[str, Any], timed: Sequence[Row], fits: fit_rows.FitTable | None) -> str:
    """Machine facts, legends, tables and notes."""
    lines = ["# Benchmarks", ""]
    lines += [f"- {name}: {_text(value)}" for name, value in facts.items()]
    if timed:
        lines += ["", _LEGEND, "", _line(_HEAD), "|---|---:|---:|---:|---:|"]
        lines += [_line(cells(row)) for row in timed]
        loose = dict.fromkeys(row.note for row in timed if row.note)
        lines += ["", "Compared more loosely than to 1e-8:", ""] if loose else []
        lines += [f"- {note}." for note in loose]
    text = "\n".join(lines) + "\n"
    return text if fits is None else f"{text}\n{fit_rows.markdown(*fits)}"


def _line(words: Sequence[str]) -> str:
    return "| " + " | ".join(words) + " |"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def to_json(facts: dict[str, Any], timed: Sequence[Row], fits: fit_rows.FitTable | None) -> str:
    """Machine facts and rows with quartiles, times in seconds."""
    out: dict[str, Any] = {"machine": facts}
    if timed:
        out["rows"] = [{**asdict(row), "ratio": row.ratio} for row in timed]
    if fits is not None:
        out["poisson_fits"] = fit_rows.as_dict(*fits)
    return json.dumps(out, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small grids, few repetitions")
    groups = [*_GROUPS, _POISSON]
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, help="groups to run")
    parser.add_argument("--json", type=Path, help="write the result as JSON")
    parser.add_argument("--markdown", type=Path, help="write the result as markdown")
    parser.add_argument("--inline-rows", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inline_rows:
        _print_inline_rows(options.quick)
        return
    facts, timed = machine.facts(), list(rows(options.quick, options.only))
    fits = poisson_fits.in_own_process(options.quick) if _POISSON in options.only else None
    facts["load_after"] = machine.load()
    print(markdown(facts, timed, fits), end="")
    _write(options.json, lambda: to_json(facts, timed, fits))
    _write(options.markdown, lambda: markdown(facts, timed, fits))


def _write(path: Path | None, text: Callable[[], str]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text())


if __name__ == "__main__":
    main()

"""Whole processes: wall and CPU time of the command line beside a NumPy and scipy script."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy_fit
from timing import Disagreement, Row, Timing, difference

_CLI = (sys.executable, "-m", "cevnsjax.cli.main")
_FIT = (*_CLI, "fit", "csi-2017", "--json")
# What is timed by itself: Poisson likelihoods with shape nuisances, several data sets, posteriors.
_ALONE = (
    "fit csi-2017 --free sin2_theta_w --free eps_dV_ee",
    "fit csi-2021",
    "fit csi-2017 csi-2021 lar-2020",
    "sample csi-2017",
    "sample csi-2021",
)
_NUMPY = (sys.executable, str(Path(__file__).with_name("numpy_fit.py")))
_NOT_INHERITED = ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Run:
    """One finished process: seconds of wall and CPU time, and what it printed."""

    wall: float
    cpu: float
    output: str


def run(command: Sequence[str], cache: str) -> Run:
    """Run a command with a compilation cache in the folder ``cache``.

    Raises:
        RuntimeError: If it fails.
    """
    inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**inherited, "XDG_CACHE_HOME": cache},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:])} ended with status {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, output)


def _compare(ours: Run, theirs: Run) -> float:
    """Largest relative difference of two fits.

    Raises:
        Disagreement: If it exceeds the tolerance of the fit.
    """
    a, b = (json.loads(r.output) for r in (ours, theirs))
    mine, other = (numpy_fit.summary(x["values"], x["errors"], x["chi2"]) for x in (a, b))
    worst = difference("fit from the command line", mine, other)
    if not worst <= numpy_fit.RTOL:
        raise Disagreement(f"fit from the command line: differ by {worst:.2g}")
    return worst


def _require_same(words: str, cold: Run, cached: Run) -> None:
    """Raise Disagreement if the cached program and a freshly compiled one fit differently."""
    if words.startswith("fit"):
        fits = [json.loads(r.output) for r in (cold, cached)]
        numbers = [[*x["values"].values(), x["chi2"]] for x in fits]
        if not difference(words, *numbers) <= numpy_fit.RTOL:
            raise Disagreement(f"{words}: cold and cached differ")


def measure(rounds: int) -> list[Row]:
    """Time help, cold fits, cached fits and the NumPy script in turns, then other commands.

    Raises:
        Disagreement: If the fits differ.
    """
    runs: dict[str, list[Run]] = {kind: [] for kind in ("help", "cold", "cached", "numpy")}
    worst = 0.0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            runs["help"].append(run((*_CLI, "--help"), cache))
            runs["cold"].append(run(_FIT, cache))
            runs["cached"].append(run(_FIT, cache))
            runs["numpy"].append(run(_NUMPY, cache))
        for kind in ("cold", "cached"):
            worst = max(worst, _compare(runs[kind][-1], runs["numpy"][-1]))
    cpu, wall = _timings(runs)
    rows = [
        Row("`cevnsjax --help`, CPU", cpu["help"]),
        Row("`cevnsjax --help`, wall", wall["help"]),
    ]
    for kind, words in _CACHES:
        for clock, times in (("wall", wall), ("CPU", cpu)):
            what = f"`cevnsjax fit csi-2017`, {words}, {clock} / NumPy and scipy script"
            rows.append(Row(what, times[kind], times["numpy"], worst, numpy_fit.WHY))
    return [*rows, *(row for words in _ALONE for row in _alone(words, rounds))]


_CACHES = (("cold", "compilation cache empty"), ("cached", "compiled before"))


def _timings(runs: dict[str, list[Run]]) -> tuple[dict[str, Timing], dict[str, Timing]]:
    """CPU and wall times of repeated runs."""
    cpu = {kind: Timing.of([r.cpu for r in repeats]) for kind, repeats in runs.items()}
    return cpu, {kind: Timing.of([r.wall for r in repeats]) for kind, repeats in runs.items()}


def _alone(words: str, rounds: int) -> list[Row]:
    """A command with an empty compilation cache and with a full one."""
    command = (*_CLI, *words.split(), "--json")
    runs: dict[str, list[Run]] = {"cold": [], "cached": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for kind in runs:
                runs[kind].append(run(command, cache))
        _require_same(words, runs["cold"][-1], runs["cached"][-1])
    cpu, wall = _timings(runs)
    return [
        Row(f"`cevnsjax {words}`, {text}, {clock}", times[kind])
        for kind, text in _CACHES
        for clock, times in (("wall", wall), ("CPU", cpu))
    ]

"""Scaling over devices: `python benchmarks/scaling.py [--quick] [--devices 1 2] [--markdown FILE]`.

Each task runs in a process of its own that may use as many cores as devices (all GPUs it is told to
use where there are any) and is compiled before it is timed. That it gives the same numbers on any
number of devices is checked. Efficiency: time on one device over devices times time on several.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import machine
import numpy as np
from timing import Disagreement, shown

import cevnsjax as cj

_ROUNDS = 3


@cache
def _model(*couplings: str) -> cj.Model:
    """csi_2017 with NSI couplings; cached, so that later calls reuse the compiled functions."""
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), *map(cj.NSI, couplings)])


@cache
def _mediator() -> cj.Model:
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.LightVector()])


@cache
def _poisson() -> cj.Model:
    return cj.Model(cj.experiments.csi_2021(morphs=()))


def _scan(quick: bool) -> np.ndarray:
    size = 100 if quick else 1000
    axes = {"g_Zp": (1e-6, 1e-2, size, "log"), "m_Zp": (0.1, 1e4, size, "log")}
    return cj.scan(_mediator(), engine="node", **axes)["chi2"].values


def _toys(quick: bool) -> np.ndarray:
    return cj.toys(_poisson(), (4 if quick else 20) * 1024, test="sin2_theta_w")["q"].values


def _feldman_cousins(quick: bool) -> np.ndarray:
    size = 3 if quick else 8
    axes = {"eps_uV_ee": (-0.4, 0.8, size), "eps_uV_mumu": (-0.4, 0.8, size)}
    region = cj.feldman_cousins(_model(*axes), toys=1024, levels=0.90, **axes)
    return region["p_value"].values


def _chains(quick: bool) -> np.ndarray:
    how = {"chains": 8, "draws": 200 if quick else 1000, "warmup": 200, "seed": 1}
    samples = cj.sample(_model("eps_dV_ee"), ["sin2_theta_w"], **how)
    return samples["posterior"]["sin2_theta_w"].values


TASKS: dict[str, tuple[str, Callable[[bool], np.ndarray]]] = {
    "scan": ("1000 x 1000 points of (g_Zp, m_Zp), node engine", _scan),
    "toys": ("20480 toys of csi_2021 with four pulls, conditional and global fits", _toys),
    "fc": ("Feldman-Cousins, 8 x 8 points of two couplings, 1024 toys each", _feldman_cousins),
    "chains": ("8 chains of 1200 steps, csi_2017", _chains),
}


def _work(task: str, devices: int, quick: bool) -> None:
    """Time a task in this process and print seconds and a sum of its numbers."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:devices])
    from cevnsjax.inference.runs.processes import configure

    cj.enable_x64()
    configure(devices=devices)
    run = TASKS[task][1]
    numbers, seconds = run(quick), []
    for _ in range(1 if quick else _ROUNDS):
        began = time.perf_counter()
        numbers = run(quick)
        seconds.append(time.perf_counter() - began)
    digest = hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()
    print(json.dumps({"seconds": float(np.median(seconds)), "sha256": digest}))


def measure(task: str, devices: Sequence[int], quick: bool) -> list[float]:
    """Seconds of a task on each number of devices.

    Raises:
        Disagreement: If the numbers depend on the number of devices.
    """
    results: list[dict[str, Any]] = []
    for count in devices:
        words = [sys.executable, __file__, "--work", task, "--devices", str(count)]
        words += ["--quick"] if quick else []
        text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(text.splitlines()[-1]))
    if len({f["sha256"] for f in results}) > 1:
        raise Disagreement(f"{task}: numbers depend on the number of devices")
    return [f["seconds"] for f in results]


def markdown(devices: Sequence[int], seconds: dict[str, list[float]], facts: dict[str, Any]) -> str:
    """Machine facts and the table."""
    head = [f"{n} device{'s' if n > 1 else ''}" for n in devices]
    lines = ["# Scaling over devices", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", __doc__.partition("\n\n")[2].strip(), ""]
    lines += [f"| task | {' | '.join(head)} | efficiency |", f"|---|{'---:|' * (len(head) + 1)}"]
    for task, times in seconds.items():
        shown_times = " | ".join(map(shown, times))
        last = devices[0] * times[0] / (devices[-1] * times[-1])
        lines.append(f"| {TASKS[task][0]} | {shown_times} | {100 * last:.0f} % |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small tasks, once")
    parser.add_argument(
        "--devices", type=int, nargs="+", default=[1, 2], help="numbers of devices to compare"
    )
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--markdown", type=Path, help="write the result as markdown")
    parser.add_argument("--work", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        _work(options.work, options.devices[0], options.quick)
        return
    facts = machine.facts()
    seconds = {task: measure(task, options.devices, options.quick) for task in options.only}
    text = markdown(options.devices, seconds, {**facts, "load_after": machine.load()})
    print(text, end="")
    if options.markdown is not None:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()

"""Mutations of experiment folders and of command lines, run through the command line's entry.

``python -m support.fuzz 7 folders=1000 lines=500`` prints what went wrong as JSON; it runs in a
process of its own, without the type checks that tests add.
"""

import contextlib
import io
import json
import os
import random
import re
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from support.fuzz_mutations import Folders, Lines, Settings
from support.fuzz_pools import BASES

ALLOWED_S = 60
"""Time in which a run must come to an end [s]."""


def prepare() -> None:
    """Folders to mutate, and a scan to draw, in the current folder."""
    from cevnsjax.experiments import write_template

    Path("bases").mkdir()
    for name in ("reactor", "beam", "table", "gaussian"):
        write_template(Path("bases") / name)
    write_template("my_ge")
    _write_scans()
    for name, changes in BASES.items():
        path = Path("bases") / name / "experiment.toml"
        text = path.read_text()
        for section, body in changes.items():
            text = re.sub(
                rf"\[{section}\]\n(?:(?!#.*\n\[|\[).*\n)*", f"[{section}]\n{body}\n", text
            )
        path.write_text(text.replace('statistic = "poisson"', _statistic(name)))
    data = Path("bases") / "gaussian" / "data.csv"
    head, names, *rows = data.read_text().splitlines()
    data.write_text("\n".join([head, f"{names},variance", *(f"{r},{r}" for r in rows)]))
    (Path("bases") / "table" / "spectrum.csv").write_text(
        "energy_mev,density_per_mev\n1,0\n5,1\n20,2\n40,0\n"
    )
    (Path("bases") / "table" / "efficiency.csv").write_text("observable,efficiency\n0.2,0\n0.4,1\n")


def _write_scans() -> None:
    """Scans of two parameters, good and bad ones."""
    import numpy as np
    import xarray as xr

    grid = np.linspace(-1.0, 1.0, 5)
    chi2 = xr.DataArray(grid**2 + grid[:, None] ** 2, [("a", grid), ("b", grid)], name="chi2")
    chi2["a"].attrs["label"] = r"$\frac{$"
    for name, data in (("x", chi2), ("line", chi2[0]), ("gap", chi2.where(chi2 < 0))):
        xr.Dataset({"chi2": data}).to_netcdf(f"{name}.nc", engine="h5netcdf")
    raw = Path("x.nc").read_bytes()
    Path("half.nc").write_bytes(raw[: len(raw) // 2])
    Path("text.nc").write_text("a,b\n1,2\n")


def _statistic(name: str) -> str:
    return 'statistic = "gaussian"' if name == "gaussian" else 'statistic = "poisson"'


def ran(words: list[str]) -> tuple[int, str]:
    """Exit status of a run of these words, -1 at an exception, and what is wrong with it."""
    from cevnsjax.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["cevnsjax", *words]

    def too_long(*_: object) -> None:
        raise TimeoutError(f"no end within {ALLOWED_S} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(ALLOWED_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        return -1, "".join(traceback.format_exc().splitlines(keepends=True)[-7:])
    finally:
        signal.alarm(0)
    return code, wrong_with(code, words, out.getvalue(), err.getvalue())


def wrong_with(code: int, words: list[str], out: str, err: str) -> str:
    """What is wrong with a run that came to an end; "" if nothing is."""
    if code not in (0, 1, 2):
        return f"exit status {code}: {err}"
    is_line = err.startswith("cevnsjax: ") and err.count("\n") == 1
    # A command without words prints its help.
    if code == 2 and not is_line and (err or "Usage" not in out):
        return f"not one line: {err[:500]}"
    if "Warning" in err or "Traceback" in err:
        return err[:500]
    if code == 0 and words[0] in ("predict", "show") and re.search(r"\b(nan|inf)\b", out):
        return "numbers that are not finite"
    return ""


MUTATIONS = {"folders": Folders, "lines": Lines, "settings": Settings}


def run(kind: str, number: int, seed: int) -> dict[str, object]:
    """So many mutations in the current folder: how many gave each exit status, and what failed."""
    wrong, codes = [], dict.fromkeys((-1, 0, 1, 2), 0)
    for k in range(number):
        words = MUTATIONS[kind](random.Random(f"{kind} {seed} {k}")).words()
        code, problem = ran(words)
        codes[code] = codes.get(code, 0) + 1
        if problem:
            wrong.append([k, [w[:80] for w in words], problem])
    return {"number": number, "wrong": wrong, "codes": codes}


def main(seed: str, *numbers: str) -> None:
    """Run kind=number mutations of each kind in a temporary folder, and print what they gave."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        asked = (word.partition("=") for word in numbers)
        reports = {kind: run(kind, int(number), int(seed)) for kind, _, number in asked}
        os.chdir(here)
    sys.stdout.write(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])

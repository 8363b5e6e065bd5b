"""Sizes and kinds of what a command line asks for: one line before any work."""

import json
import os
import subprocess
import sys

import pytest
from cli.conftest import Run
from cli.test_bad_input import one_line

DIGITS, DEEP = "9" * 5000, "[" * 5000
CSI17, CSI21, LAR = "predict csi-2017 --set ", "predict csi-2021 --set ", "predict lar-2020 --set "
FIT = "fit csi-2017 --free sin2_theta_w "
CASES = {
    # options of a wrong kind
    CSI21 + "nodes=abc": "csi-2021: nodes must be a whole number >= 1, got 'abc'",
    CSI21 + "nodes=100000": "csi-2021: nodes must be 1000 at most, got 100000",
    CSI21 + "cells_pe=abc": "csi-2021: cells_pe must be a finite number, got 'abc'",
    CSI21 + "cells_pe=0": "csi-2021: cells_pe must lie between 0.001 and 10, got 0",
    LAR + "quenching=abc": "lar-2020: quenching must be a model, got 'abc'",
    LAR + "nodes=abc": "lar-2020: nodes must be a whole number >= 1, got 'abc'",
    CSI17 + "light_vector.normalization=[1,2]": "unknown light_vector normalization '[1, 2]'",
    CSI17 + "light_vector.loop_sign=true": "loop_sign must be -1 or 1, got True",
    # options that would be ignored
    LAR + "morphs=all": 'lar-2020: signal and morphs need statistic="cells"',
    CSI17 + "steady_state=flat": 'csi-2017: steady_state needs statistic="time"; leave it out',
    CSI17 + "statistic=time --set variance=C+AC": "csi-2017: variance has no meaning with",
    CSI17 + "qf_sd=0.1": "csi-2017: qf_sd belongs to shape='qf_scale'; name it too",
    # options given twice, or without a name
    CSI17 + "pulls.sig=0.1 --set pulls.sig=0.2": "--set pulls.sig is given twice; keep one",
    CSI17 + "csi-2017=3": "--set csi-2017=3 should read csi-2017.option=value",
    # numbers of any length, nesting of any depth
    CSI17 + f"mass_kg={DIGITS}": "csi-2017: mass_kg must be a finite number, got '9999",
    CSI17 + f"mass_kg=1{'0' * 400}": "csi-2017: mass_kg must be a finite number, got 1000",
    CSI17 + f"mass_kg={DEEP}": "is nested too deeply; give numbers or names",
    f"scan csi-2017 --x sin2_theta_w=0:1:{DIGITS}": "should read name=low:high:points",
    f"predict csi-2017 --fix sin2_theta_w={DIGITS}": "outside its bounds",
    # sizes
    FIT + "--seed -1 --starts 2": "seed must be a whole number >= 0, got -1",
    FIT + "--starts -1": "starts must be a whole number >= 0, got -1",
    FIT + "--starts 1000000": "starts must be 10000 at most, got 1000000",
    FIT + f"--seed {2**63}": "seed must be a whole number from 0 to 9223372036854775807, got 9",
    "toys csi-2017 --test sin2_theta_w --toys 10000000000": "toys must be a whole number from 1 to",
    "sbc csi-2017 --free sin2_theta_w --simulations 10000000": "simulations must be 100000 at most",
    "sample csi-2017 --free sin2_theta_w --draws 1000000000": "draws must be 10000000 at most",
    "sample csi-2017 --free sin2_theta_w --chains 1000000": "chains must be 10000 at most",
    "forecast csi-2017 --over exposure=1:2:1000000": "--over exposure: 1000000 points are too many",
    "forecast csi-2017 --over exposure=1:inf:3": "needs low < high and a point at least",
    # names
    "scan csi-2017 --x free=0:1:5": "unknown parameter 'free'",
    "fc csi-2017 --axis toys=0:1:5": "unknown parameter 'toys'",
    "fit " + "a" * 5000: "File name too long; give another path",
    "contours /dev/zero --plot x.png": "/dev/zero is a device; give an ordinary file",
    "contours . --plot x.png": ". is a folder; give an ordinary file",
    "predict csi\x1b[2J": "unknown experiment 'csi\\x1b[2J'",
}


LOOP = """
import contextlib, io, json, sys
from cevnsjax.cli.main import main
ran = []
for line in sys.stdin.read().split("\\n"):
    sys.argv = ["cevnsjax", *line.split(" ")]
    out, err, code = io.StringIO(), io.StringIO(), "no exit"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code
    except Exception as problem:
        code = repr(problem)
    ran.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ran))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All cases in one process, without the type checks that tests add."""
    folder = tmp_path_factory.mktemp("limits")
    done = subprocess.run(
        [sys.executable, "-c", LOOP],
        input="\n".join(CASES),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    )
    return dict(zip(CASES, (Run(*r) for r in json.loads(done.stdout)), strict=True))


@pytest.mark.parametrize("words", CASES, ids=[words[:60] for words in CASES])
def test_one_line_before_any_work(ran, words):
    one_line(ran[words], CASES[words])
    assert len(ran[words].err) < 2100


def test_folder_called_like_a_release(run, tmp_path):
    (tmp_path / "csi-2017").mkdir()
    done = run("predict", "csi-2017")
    assert done.code == 0
    assert done.err == "csi-2017 is the data release; write ./csi-2017 for the folder\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_full_disk(tmp_path):
    words = [sys.executable, "-c", "from cevnsjax.cli.main import main; main()", "data", "list"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            words, check=False, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
    assert done.returncode == 2
    assert done.stderr == "cevnsjax: standard output: No space left on device\n"


def test_help_keeps_units(run):
    assert "[MeV]" in run("predict", "--help").out


def test_text_of_a_folder_in_a_figure(run, tmp_path):
    assert run("new-experiment", "my_ge").code == 0
    path = tmp_path / "my_ge" / "experiment.toml"
    title = 'title = "My'
    path.write_text(path.read_text().replace(title, r'title = "$\\frac{$ from $5 to $6 [keV] My'))
    done = run("predict", "./my_ge", "--plot", "x.svg")
    assert (done.code, done.err) == (0, "wrote x.svg\n")
    assert r"$\frac{$ from $5 to $6 [keV] My" in (tmp_path / "x.svg").read_text()

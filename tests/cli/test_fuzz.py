"""Mutated folders, options and command lines: never a traceback, always one line or a result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fuzz import wrong_with

TESTS = Path(__file__).parents[1]


def fuzzed(folder, seed, **numbers):
    """What went wrong in so many mutations of each kind, in one process without type checks."""
    words = [f"{kind}={number}" for kind, number in numbers.items()]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "support.fuzz", str(seed), *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(folder)},
    )
    return json.loads(done.stdout)


def check(reports):
    for kind, report in reports.items():
        assert report["wrong"] == [], kind
        assert report["codes"]["-1"] == 0
        assert report["codes"]["2"] >= 0.5 * report["number"]


def test_a_few_mutations(tmp_path):
    check(fuzzed(tmp_path, 16, folders=30, settings=30, lines=30))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number"), [("folders", 1000), ("settings", 1000), ("lines", 500)]
)
def test_many_mutations(tmp_path, kind, number):
    reports = fuzzed(tmp_path, 1, **{kind: number})
    check(reports)
    # Mutations that change nothing, or nothing but a number.
    assert reports[kind]["codes"]["0"] >= 0.02 * number


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [
        (3, "", ""),
        (2, "", ""),
        (2, "", "cevnsjax: one\ncevnsjax: two\n"),
        (2, "", "RuntimeWarning: overflow\ncevnsjax: no\n"),
        (0, "1.0", "RuntimeWarning: overflow\n"),
        (0, "nan", ""),
        (0, "1 inf 2", ""),
    ],
)
def test_what_counts_as_wrong(code, out, err):
    assert wrong_with(code, ["predict", "x"], out, err)
    assert not wrong_with(2, ["predict", "x"], "", "cevnsjax: no\n")
    assert not wrong_with(0, ["predict", "x"], "information 1.0", "")

"""The command line called in process: exit status, stdout and stderr of a list of words."""

import os
import sys
from dataclasses import dataclass

import pytest

from cevnsjax.cli.main import main


@dataclass(frozen=True)
class Run:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Function of command-line words, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # os.devnull cannot hold a folder, so that the compilation cache of jax stays as it was.
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cevnsjax", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Run(int(stop.value.code or 0), captured.out, captured.err)

    return call

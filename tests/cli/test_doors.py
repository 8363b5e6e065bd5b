"""Every command has a function and every function a command, or the quick start says why not."""

import inspect
import re
from pathlib import Path

import cevnsjax as cj
from cevnsjax.cli.app import COMMANDS
from cevnsjax.experiments import write_template
from cevnsjax.tables import describe, verify

TEXT = (Path(__file__).parents[2] / "docs" / "quick_start.md").read_text(encoding="utf-8")
TABLES = TEXT[TEXT.index("## Commands and functions") :]
NAMED = set(re.findall(r"`cj\.(\w+)", TABLES))


def test_every_command_is_in_the_table():
    rows = set(re.findall(r"\| `cevnsjax ([\w-]+)` \|", TABLES))
    assert rows == {c.__name__.replace("_", "-") for c in COMMANDS} | {"data"}


def test_every_public_function_is_in_a_table():
    functions = {n for n in cj.__all__ if inspect.isfunction(getattr(cj, n))}
    modules = {"experiments", "plots", "reproduce"}
    assert functions | modules | {"__version__"} == NAMED


def test_names_in_other_rooms_are_there():
    places = (cj.plots.scan_contours, cj.reproduce.run, write_template, describe, verify)
    assert all(map(callable, places))
    assert cj.experiments.write_template is write_template
    assert callable(cj.Model(cj.experiments.csi_2017()).predicted)

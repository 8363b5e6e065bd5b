"""Stored notebooks: the cells of their scripts, with outputs and without errors."""

import json
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(p.stem for p in FOLDER.glob("*.ipynb"))
LARGEST = 600_000  # bytes, outputs included


def stored(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def outputs(name):
    return [o for c in stored(name)["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def test_every_script_has_a_notebook_and_the_other_way_round():
    scripts = {p.stem for p in FOLDER.glob("*.py")} - {"run"}
    assert scripts == set(NAMES)
    assert {"quick_start", "nsi_degeneracies", "light_mediators"} <= scripts


@pytest.mark.parametrize("name", NAMES)
def test_pairs_hold_the_same_cells(name):
    script = jupytext.read(FOLDER / f"{name}.py", fmt="py:percent")
    expected = [(c.cell_type, c.source) for c in script.cells]
    cells = [(c["cell_type"], "".join(c["source"])) for c in stored(name)["cells"]]
    assert cells == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_code_cell_was_run_in_order(name):
    cells = [c for c in stored(name)["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    assert any(c["outputs"] for c in cells)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_have_figures_and_no_errors_or_warnings(name):
    shown = outputs(name)
    assert not [o for o in shown if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert any("image/png" in o.get("data", {}) for o in shown)


@pytest.mark.parametrize("name", NAMES)
def test_no_paths_of_a_machine_and_no_progress_bars(name):
    texts = [
        "".join(t)
        for o in outputs(name)
        for t in (o.get("text", ""), *(v for k, v in o.get("data", {}).items() if "text" in k))
    ]
    for text in texts:
        assert "site-packages" not in text
        assert "/home/" not in text
        assert "ipywidgets" not in text


@pytest.mark.parametrize("name", NAMES)
def test_stored_notebooks_stay_small(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < LARGEST


def test_first_code_cell_asks_for_double_precision():
    for name in NAMES:
        first = next(c for c in stored(name)["cells"] if c["cell_type"] == "code")
        assert "cj.enable_x64()" in "".join(first["source"])

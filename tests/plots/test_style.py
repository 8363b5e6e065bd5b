"""Labels, and saving of figures: a file is complete or is not there."""

import subprocess
import sys

import matplotlib as mpl
import pytest

from cevnsjax.core.disk.files import check_output
from cevnsjax.core.errors import InputError
from cevnsjax.plots import profile, save
from cevnsjax.plots.style import label, level_label

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def figure():
    x = [0.0, 1.0, 2.0]
    return profile(
        x, [1.0, 0.0, 1.0], label="$x$", best_fit=1.0, intervals={}, levels={"0.90": 2.7}
    )


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_saved_files_are_whole_and_equal(tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    assert save(figure(), first) == first
    save(figure(), str(second))
    assert first.read_bytes().startswith(SIGNATURES[suffix])
    assert first.stat().st_size > 2000
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


def test_png_has_300_dots_per_inch(tmp_path):
    header = save(figure(), tmp_path / "a.png").read_bytes()[:24]
    width, height = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    assert (width, height) == (1080, 870)


def test_an_existing_file_is_kept_unless_told(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"exists; choose another name or pass --overwrite"):
        save(figure(), path)
    assert path.read_text() == "mine"
    save(figure(), path, overwrite=True)
    assert path.read_bytes().startswith(SIGNATURES[".png"])


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("mine")
    broken = figure()

    def fail(part, **_):
        part.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(broken, "savefig", fail)
    with pytest.raises(InputError, match="disk full; make room there or choose another place"):
        save(broken, path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_text() == "mine"


def test_refusals_name_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"unknown ending '.jpg'; use one of .png, .pdf, .svg"):
        save(figure(), tmp_path / "a.jpg")
    with pytest.raises(InputError, match="has no ending; use one of"):
        check_output(tmp_path / "a", overwrite=False, suffixes=(".png",))
    with pytest.raises(InputError, match="does not exist; create it or choose another"):
        check_output(tmp_path / "none" / "a.png", overwrite=False, suffixes=(".png",))
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path / "dir.png", overwrite=True, suffixes=(".png",))
    assert [p.name for p in tmp_path.iterdir()] == ["dir.png"]


def test_check_output_takes_other_endings(tmp_path):
    json = tmp_path / "fit.JSON"
    assert check_output(json, overwrite=False, suffixes=(".json",)) == json
    with pytest.raises(InputError, match=r"use one of \.json"):
        check_output(tmp_path / "fit.png", overwrite=False, suffixes=(".json",))


def test_drawing_changes_no_global_setting(tmp_path):
    before = dict(mpl.rcParams)
    save(figure(), tmp_path / "a.png")
    assert dict(mpl.rcParams) == before


def test_plots_load_neither_jax_nor_pyplot():
    code = "import sys, cevnsjax.plots; print({'jax', 'matplotlib.pyplot'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_pe", r"$n_\mathrm{PE}$"),
        ("E_ee_keV", r"$E_\mathrm{ee}$ [keV]"),
        ("nu_mu_bar", r"$\bar{\nu}_\mu$"),
        ("steady_state", "steady state"),
    ],
)
def test_labels(name, text):
    assert label(name) == text


def test_level_labels():
    names = ["0.6827", "0.90", "0.9545", "0.99", "0.9999994", "90% credible"]
    texts = ["68.27% CL", "90% CL", "95.45% CL", "99% CL", "99.99994% CL", "90% credible"]
    assert [level_label(n) for n in names] == texts

"""Folders on the command line: the template, and folders in place of names of experiments."""

import json
import subprocess
import sys

import numpy as np
import pytest

from cevnsjax import Model, fit
from cevnsjax.experiments import csi_2017, load

PNG = b"\x89PNG\r\n\x1a\n"


def as_object(done):
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    return json.loads(done.out)


def one_line(done, message):
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("cevnsjax: ")
    assert message in done.err


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def planned(run, tmp_path):
    """The template without its data."""
    assert run("new-experiment", "plan").code == 0
    edit(tmp_path / "plan" / "experiment.toml", '\nkind = "counts"', '\nkind = "planned"')
    edit(tmp_path / "plan" / "experiment.toml", 'file = "data.csv"', "")
    return tmp_path / "plan"


def test_new_experiment(run, tmp_path):
    done = run("new-experiment", "my_ge")
    assert done.code == 0
    assert done.err == ""
    assert done.out.splitlines()[-2:] == [
        "wrote my_ge/experiment.toml",
        "next: cevnsjax fit ./my_ge",
    ]
    names = {"experiment.toml", "data.csv", "backgrounds.csv", "quenching.csv"}
    assert {p.name for p in (tmp_path / "my_ge").iterdir()} == names
    got = as_object(run("new-experiment", str(tmp_path / "other"), "--json"))
    assert got["folder"] == str(tmp_path / "other")
    assert {p.rpartition("/")[2] for p in got["files"]} == names


# Files end at 1000 bytes, as on a full disk: the tables are shorter, the description is not.
SHORT_FILES = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from cevnsjax.cli.main import run
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("exists", [False, True])
def test_no_room_for_all_files(tmp_path, exists):
    """All or nothing: no tables without their description, nothing of the user's touched."""
    if exists:
        (tmp_path / "my_ge").mkdir()
        (tmp_path / "my_ge" / "data.csv").write_text("mine")
    words = [sys.executable, "-B", "-c", SHORT_FILES, "new-experiment", "my_ge", "--overwrite"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    message = "cevnsjax: my_ge/experiment.toml cannot be written: File too large; make room there"
    assert done.stderr.startswith(message)
    left = {p.name: p.read_text() for p in (tmp_path / "my_ge").glob("*")}
    assert left == ({"data.csv": "mine"} if exists else {})
    assert (tmp_path / "my_ge").exists() == exists


def test_new_experiment_overwrites_only_if_told(run, tmp_path):
    run("new-experiment", "my_ge")
    mine = tmp_path / "my_ge" / "data.csv"
    written = mine.read_text()
    mine.write_text("mine")
    one_line(run("new-experiment", "my_ge"), "folder my_ge is not empty; choose another name, or")
    assert mine.read_text() == "mine"
    assert run("new-experiment", "my_ge", "--overwrite").code == 0
    assert mine.read_text() == written
    assert run("new-experiment", "my_ge", "--force").code == 0
    one_line(run("new-experiment", "my_ge/data.csv"), "my_ge/data.csv is a file; choose another")
    one_line(run("new-experiment", "nowhere/my_ge"), "folder nowhere does not exist; create it")
    one_line(run("new-experiment"), "Missing argument")


def test_fit_of_a_folder(run, tmp_path):
    """A folder is named as ./folder, folder, or a path; with a figure and a built-in experiment."""
    run("new-experiment", "my_ge")
    done = run("fit", "./my_ge", "--free", "sin2_theta_w", "--json", "--plot", "fit.png")
    got = as_object(done)
    assert got == fit(Model(load(tmp_path / "my_ge"))).to_dict()
    assert got["experiments"] == ["my-ge"]
    assert done.err == "wrote fit.png\n"
    assert (tmp_path / "fit.png").read_bytes().startswith(PNG)
    assert as_object(run("fit", "my_ge", "--json")) == got
    assert as_object(run("fit", str(tmp_path / "my_ge"), "--json")) == got
    both = as_object(run("fit", "my_ge/", "csi-2017", "--set", "pulls.sig=0.28", "--json"))
    model = Model([load(tmp_path / "my_ge"), csi_2017(pulls={"sig": 0.28})])
    assert both == fit(model).to_dict()


def test_predict_and_scan_a_folder(run):
    run("new-experiment", "my_ge")
    got = as_object(run("predict", "./my_ge", "--set", "couplings=tree", "--json"))
    assert got["observables"] == ["E_ee_keV"]
    assert list(got["background"]) == ["flat", "rising"]
    words = ("scan", "./my_ge", "--x", "sin2_theta_w=0.2:0.3:11", "--json")
    scanned = as_object(run(*words))
    assert np.argmin(scanned["chi2"]) == 4


def test_planned_experiment(run, planned):
    """Its own prediction replaces data, which the output states; with interactions too."""
    done = run("fit", "./plan", "--json")
    got = as_object(done)
    say = "my-ge: no data yet: the prediction at the default parameters stands in for them\n"
    assert done.err == say
    experiment = load(planned)
    default = Model(experiment).parameters["sin2_theta_w"].default
    assert got["values"]["sin2_theta_w"] == pytest.approx(default, abs=1e-6)
    assert got["chi2"] == pytest.approx(0, abs=1e-9)
    counts = Model(experiment).expected()["my-ge"]
    assert got == fit(Model(experiment.with_data(np.asarray(counts)))).to_dict()
    seen = as_object(run("predict", "./plan", "--fix", "eps_uV_ee=0.1", "--json"))
    np.testing.assert_allclose(seen["observed"], counts, rtol=1e-12)
    assert np.all(np.asarray(seen["signal"]["nu_e_bar"]) < 2284)


BAD = [
    ("fit ./nowhere", "there is no folder nowhere; `cevnsjax new-experiment nowhere` makes one"),
    ("fit nowhere", "known: csi-2017, csi-2021, lar-2020 (or a folder that holds experiment.toml"),
    ("fit ./empty", "empty has no experiment.toml; `cevnsjax new-experiment` writes one"),
    ("fit empty", "unknown experiment 'empty'"),
    ("fit ./my_ge --set mass_kg=3", "(what ./my_ge is made of is set in its experiment.toml)"),
    ("fit ./my_ge ./my_ge", "each experiment once"),
    ("fit ./my_ge my_ge", "experiments must have different names, got ['my-ge', 'my-ge']"),
    ("fit ./my_ge --free qf_scale_myge", "unknown parameter 'qf_scale_myge'"),
    ("fit ./wrong", "wrong/experiment.toml: [target] mass_kg must be > 0, got -1.0"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[words for words, _ in BAD])
def test_bad_folders(run, tmp_path, words, message):
    run("new-experiment", "my_ge")
    run("new-experiment", "wrong")
    edit(tmp_path / "wrong" / "experiment.toml", "mass_kg = 10.0", "mass_kg = -1.0")
    (tmp_path / "empty").mkdir()
    one_line(run(*words.split()), message)


def test_a_built_in_name_wins_over_a_folder(run):
    run("new-experiment", "csi-2017")
    got = as_object(run("predict", "csi-2017", "--json"))
    assert got["observables"] == ["n_pe"]
    got = as_object(run("predict", "./csi-2017", "--json"))
    assert got["observables"] == ["E_ee_keV"]

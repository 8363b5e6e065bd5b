"""Bad input: one line with the remedy on stderr, exit status 2, no traceback, nothing written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import Run

from cevnsjax import tables

DATA = Path(__file__).parents[2] / "data"
FIT, SCAN = "fit csi-2017", "scan csi-2017 --x"
P20 = "fit --analysis papoulias2020"

CASES = [
    # unknown names, with the nearest valid ones
    ("fit csi-2018", "unknown experiment 'csi-2018'; did you mean csi-20"),
    ("fit xenon", "known: "),
    ("fit --analysis papoulias2021", "did you mean papoulias2020"),
    (f"{FIT} --free sin2_theta", "unknown parameter 'sin2_theta'; did you mean sin2_theta_w"),
    (f"{FIT} --fix R_n_Xe=5", "did you mean R_n_"),
    ("profile csi-2017 --parameter sin2_thetaw", "did you mean sin2_theta_w"),
    (f"{SCAN} sin2=0:1:5", "unknown parameter 'sin2'"),
    ("profile --analysis papoulias2020 --parameter R_n_Cs", "unknown parameter 'R_n_Cs'"),
    ("predict csi-2017 --quantity dR_dT_nr --fix sin2=0.2", "unknown parameter 'sin2'"),
    ("predict csi-2017 --quantity dsigma_dT_nr --fix R_n_Ar=3", "did you mean R_n_"),
    (f"{FIT} --set quenching=coherent2002", "unknown quenching 'coherent2002'; did you mean coh"),
    (f"{FIT} --set quenchin=pe117", "unknown option 'quenchin'; did you mean quenching"),
    (f"{FIT} --set couplings=erler", "unknown coupling scheme 'erler'; did you mean erler_su"),
    (f"{FIT} --set smearing=poison", "did you mean poisson"),
    (f"{FIT} --set pulls.sgi=0.1", "did you mean sig"),
    (f"{P20} --set quenching=older", "did you mean old"),
    (f"{P20} --set radius=frei", "did you mean free"),
    ("data verify nuclide", "did you mean nuclides"),
    # values
    (f"{FIT} --free R_n_Cs --fix sin2_theta_w=1.5", "outside its bounds [0, 1]"),
    (f"{FIT} --free R_n_Cs --fix sin2_theta_w=inf", "outside its bounds"),
    (f"{FIT} --free R_n_Cs --fix sin2_theta_w=nan", "sin2_theta_w is nan; give a number in"),
    ("predict csi-2017 --fix sin2_theta_w=-0.1", "outside its bounds"),
    (f"{FIT} --free sin2_theta_w --fix sin2_theta_w=0.2", "both free and fixed"),
    (f"{FIT} --free alpha_sig_csi2017", "linear nuisance"),
    (f"{FIT} --set pulls.sig=-0.1", "standard deviation >= 0"),
    (f"{FIT} --set quenching=1.5", "quenching factor must lie in (0, 1]"),
    (f"{FIT} --set mass_kg=-3", "mass_kg must be > 0"),
    (f"{FIT} --set bins=7,9", "even numbers"),
    ("profile csi-2017 --level 90", "90 % is 0.90"),
    (f"{SCAN} sin2_theta_w=0:1:5 --level 0", "within (0, 1)"),
    # malformed words
    (f"{FIT} --fix sin2_theta_w", "should read name=value"),
    (f"{FIT} --fix =0.2", "should read name=value"),
    (f"{FIT} --fix sin2_theta_w=abc", "'abc' is not a number"),
    (f"{FIT} --set quenching", "should read name=value"),
    (f"{SCAN} sin2_theta_w", "should read name=low:high:points"),
    (f"{SCAN} sin2_theta_w=0:1", "should read name=low:high:points"),
    (f"{SCAN} sin2_theta_w=0:1:5:7", "should read name=low:high:points"),
    (f"{SCAN} sin2_theta_w=a:b:c", "should read name=low:high:points"),
    (f"{SCAN} sin2_theta_w=0:1:2.5", "should read name=low:high:points"),
    # grids
    (f"{SCAN} sin2_theta_w=0:1:0", "at least one point"),
    (f"{SCAN} sin2_theta_w=1:0:5", "must increase"),
    (f"{SCAN} sin2_theta_w=0:2:5", "outside its bounds"),
    (f"{SCAN} sin2_theta_w=0:nan:5", "nan"),
    (f"{SCAN} sin2_theta_w=0:1:1000000000000", "too many"),
    ("scan csi-2017", "one to 4 axes"),
    # what to analyse
    ("fit", "name an experiment (csi-2017"),
    (f"{P20} csi-2017", "not both"),
    # files
    (f"{FIT} --output there.json", "there.json exists; choose another name or pass --overwrite"),
    (f"{FIT} --plot there.png", "there.png exists"),
    (f"{FIT} --plot fit.bmp", "unknown ending '.bmp'; use one of .png, .pdf, .svg"),
    (f"{FIT} --plot fit", "no ending"),
    (f"{FIT} --output fit.txt", "use one of .json"),
    (f"{SCAN} sin2_theta_w=0:1:5 --output scan.csv", "use one of .nc, .json"),
    (f"{FIT} --output nowhere/fit.json", "folder nowhere does not exist"),
    (f"{FIT} --output folder.json", "is a folder"),
]


def one_line(done, message):
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("cevnsjax: ")
    assert "Traceback" not in done.err
    assert message in done.err


@pytest.mark.parametrize(("words", "message"), CASES, ids=[words for words, _ in CASES])
def test_one_line_and_nothing_written(run, tmp_path, words, message):
    (tmp_path / "there.json").write_text("keep")
    (tmp_path / "there.png").write_text("keep")
    (tmp_path / "folder.json").mkdir()
    before = sorted(p.name for p in tmp_path.iterdir())
    extra = [] if "--output" in words or words.startswith("data") else ["--output", "new.json"]
    one_line(run(*words.split(), *extra), message)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "there.json").read_text() == "keep"
    assert (tmp_path / "there.png").read_text() == "keep"


@pytest.fixture
def copied(tmp_path_factory, monkeypatch):
    """A copy of the data folder, used instead of the shipped one."""
    root = tmp_path_factory.mktemp("copy") / "data"
    shutil.copytree(DATA, root)
    shipped_root = tables._root
    monkeypatch.setattr(tables, "_root", lambda asked: shipped_root(asked or root))
    return root


@pytest.mark.parametrize("file", ["counts.csv", "experiment.toml"])
def test_tampered_data_are_refused(run, tmp_path, copied, file):
    path = copied / "coherent_csi_2017" / file
    path.write_text(path.read_text().replace("1", "2", 1))
    one_line(run("fit", "csi-2017", "--output", "new.json"), "SHA-256")
    one_line(run("fit", "csi-2017"), file)
    assert list(tmp_path.iterdir()) == []
    done = run("data", "verify", "coherent_csi_2017", "--json")
    assert done.code == 1
    wrong = [f for f in json.loads(done.out)["files"] if f["status"] != "ok"]
    assert [(f["dataset"], f["file"], f["status"]) for f in wrong] == [
        ("coherent_csi_2017", file, "changed")
    ]
    assert run("data", "verify", "nuclides").code == 0


def test_missing_data_are_refused(run, copied):
    (copied / "coherent_csi_2017" / "counts.csv").unlink()
    one_line(run("predict", "csi-2017"), "counts.csv cannot be read")
    done = run("data", "verify", "coherent_csi_2017")
    assert done.code == 1
    assert "missing" in done.out


def test_malformed_manifest_is_refused(run, copied):
    (copied / "coherent_csi_2017" / "manifest.toml").write_text("title = [")
    one_line(run("predict", "csi-2017"), "not valid TOML")


OPTIONS = {
    "form_factor=helmet": "did you mean helm",
    "radii=skinny": "did you mean skin",
    "kinematics=exactly": "did you mean exact",
    "statistic=spectra": "did you mean spectrum",
    "window_us=0,0.3": "0.5 us",
    "shape=qf_9": "qf_",
    "nodes=0": "nodes must be a whole number >= 1",
    "data=nowhere": "cannot be read",
}
WRONG_KIND = [
    *("mass_kg=abc", "bins=6", "bins=6,abc", "pulls=0.2", "pulls.sig=abc", "window_us=3"),
    *("nodes=abc", "nodes=2.5", "smearing=3", "couplings=3", "form_factor=3", "quenching=[1]"),
    *("data=3", "variance=C+AD", "prompt_neutrons=maybe"),
]
# Options whose message uses plain words instead of the option's name.
IN_WORDS = {"couplings": "coupling scheme", "form_factor": "form factor"}
LOOP = """
import contextlib, io, json, sys
from cevnsjax.cli.main import main
results = {}
for word in sys.argv[1:]:
    sys.argv = ["cevnsjax", "predict", "csi-2017", "--set", word]
    out, err, code = io.StringIO(), io.StringIO(), "no exit"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code
    except Exception as problem:
        code = repr(problem)
    results[word] = [code, out.getvalue(), err.getvalue()]
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory):
    """Results of option values in another process, without the type checks that tests add."""
    folder = tmp_path_factory.mktemp("unchecked")
    words = [sys.executable, "-c", LOOP, *OPTIONS, *WRONG_KIND]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=folder, env=environment
    )
    return {word: Run(*result) for word, result in json.loads(done.stdout).items()}


@pytest.mark.parametrize(("word", "message"), OPTIONS.items(), ids=OPTIONS)
def test_option_values(unchecked, word, message):
    one_line(unchecked[word], message)


@pytest.mark.parametrize("word", WRONG_KIND)
def test_option_values_of_a_wrong_kind(unchecked, word):
    option = word.partition("=")[0].partition(".")[0]
    one_line(unchecked[word], IN_WORDS.get(option, option))

"""The command in a separate process: streams, exit status, and which packages are imported."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from cevnsjax import __version__

HEAVY = ("jax", "jaxlib", "numpy", "scipy", "matplotlib", "xarray", "numpyro", "arviz", "optax")
LOADED = f"print([m for m in {HEAVY} if m in sys.modules])"


@pytest.fixture
def python(tmp_path):
    """Function that runs Python with arguments in an empty folder with an empty cache."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    # Settings of a terminal would change the help text.
    environment |= {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}

    def call(*words, **changes):
        streams = {"stdout": changes.pop("stdout", subprocess.PIPE), "stderr": subprocess.PIPE}
        return subprocess.run(
            [sys.executable, *words],
            **streams,
            text=True,
            check=False,
            env=environment | changes,
            cwd=tmp_path,
        )

    return call


def test_the_package_is_the_command(python):
    """``python -m cevnsjax`` serves where the folder of scripts is not on the path."""
    done = python("-m", "cevnsjax", "--version")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, __version__, "")
    assert python("-m", "cevnsjax", "fitt").returncode == 2


def test_fit_and_its_streams(python, tmp_path):
    words = ("-m", "cevnsjax.cli.main", "fit", "csi-2017", "--json", "--output", "fit.json")
    done = python(*words)
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "converged"
    assert done.stdout.count("\n") == 1
    assert done.stderr == "wrote fit.json\n"
    again = python(*words)
    assert again.returncode == 2
    assert again.stdout == ""
    assert again.stderr.startswith("cevnsjax: fit.json exists; choose another name")
    assert again.stderr.count("\n") == 1
    # The command line switches jax's compilation cache on.
    assert any((tmp_path / "cache" / "cevnsjax" / "jax").iterdir())


def test_help_imports_nothing_heavy(python):
    code = (
        "import sys\nfrom cevnsjax.cli.main import main\nsys.argv = ['cevnsjax', '--help']\n"
        f"try:\n    main()\nexcept SystemExit as stop:\n    print(stop.code)\n{LOADED}"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    *text, status, loaded = done.stdout.splitlines()
    assert (status, loaded) == ("0", "[]")
    for command in ("fit", "profile", "scan", "predict", "info", "data"):
        assert any(f" {command} " in line for line in text)


# What takes a tenth of a second to import or more, and a fit does without.
NOT_FOR_FITS = (
    *("arviz", "equinox", "h5py", "matplotlib", "numpyro", "optax", "pandas", "xarray"),
    *("scipy.integrate", "scipy.interpolate", "scipy.optimize", "scipy.sparse", "scipy.stats"),
)


@pytest.mark.parametrize(
    ("name", "further"), [("csi_2017", ["scipy"]), ("lar_2020", ["scipy"]), ("csi_2021", [])]
)
def test_a_fit_imports_what_it_needs(python, name, further):
    code = (
        "import sys\nimport cevnsjax as cj\n"
        f"{LOADED}\ncj.enable_x64()\n"
        f"fit = cj.fit(cj.Model(cj.experiments.{name}()), 'sin2_theta_w')\n"
        f"print(fit.status, [m for m in {(*NOT_FOR_FITS, *further)} if m in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.splitlines() == ["[]", "converged []"], done.stderr


def test_sample_imports_neither_arviz_nor_matplotlib(python):
    words = ["sample", "csi-2017", "--marginalise", "--chains=1", "--draws=20", "--warmup=10"]
    code = (
        f"import sys\nfrom cevnsjax.cli.main import main\nsys.argv = {['cevnsjax', *words]}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "print(code, [m for m in ('arviz', 'matplotlib', 'scipy.stats') if m in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_bad_words_import_no_jax(python):
    """Files and axes are checked before jax is loaded."""
    code = (
        "import sys\nfrom cevnsjax.cli.main import main\n"
        "sys.argv = ['cevnsjax', 'fit', 'csi-2017', '--plot', 'fit.bmp']\n"
        f"try:\n    main()\nexcept SystemExit as stop:\n    print(stop.code)\n{LOADED}"
    )
    status, loaded = python("-c", code).stdout.splitlines()
    assert status == "2"
    assert "jax" not in loaded


def test_import_is_light_and_leaves_jax_alone(python):
    done = python("-c", f"import sys, cevnsjax\n{LOADED}\nprint(dir(cevnsjax)[:1])\n{LOADED}")
    assert done.stdout.splitlines()[::2] == ["[]", "[]"]
    code = (
        "import jax\nbefore = dict(jax.config.values)\n"
        "import cevnsjax\nfor name in cevnsjax.__all__:\n    getattr(cevnsjax, name)\n"
        "import cevnsjax.cli.commands.fit, cevnsjax.reproduce.papers.papoulias2020.rows\n"
        "assert dict(jax.config.values) == before\n"
        "try:\n    cevnsjax.Model(cevnsjax.experiments.csi_2017())\n"
        "except cevnsjax.core.errors.PrecisionError as problem:\n    print(problem)\n"
        "cevnsjax.enable_x64()\nprint(cevnsjax.Model(cevnsjax.experiments.csi_2017()).nll().dtype)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    message, dtype = done.stdout.splitlines()
    assert "call cevnsjax.enable_x64() first" in message
    assert dtype == "float64"


# --- what the system refuses, and Ctrl-C ---

CLI = ("-m", "cevnsjax.cli.main")


def test_standard_output_that_is_full(python):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = python(*CLI, "data", "list", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "cevnsjax: standard output: No space left on device\n"


def test_caches_that_cannot_be_written(python):
    """A fit goes on without them; arviz, which sample needs, can be imported."""
    done = python(*CLI, "fit", "csi-2017", "--json", XDG_CACHE_HOME="/proc/nowhere")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "converged"
    assert done.stderr.startswith("compiled programs are not kept: /proc/nowhere/cevnsjax/jax can")
    assert done.stderr.count("\n") == 1
    code = (
        "from cevnsjax.inference.posteriors.arviz_groups import quiet_arviz\n"
        "print(quiet_arviz().__name__)"
    )
    done = python("-c", code, XDG_CACHE_HOME="/proc/nowhere")
    assert done.stdout == "arviz\n", done.stderr


def interrupted(words, tmp_path, is_time):
    """A command that Ctrl-C interrupts as soon as it is time."""
    process = subprocess.Popen(
        [sys.executable, *CLI, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        # A parent may have switched the signal off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    while process.poll() is None and not is_time():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=100)
    return process.returncode, out, errors


def test_an_interrupted_run_says_what_is_kept(tmp_path):
    words = ["toys", "csi-2017", "--toys", "3000000", "--test", "sin2_theta_w", "--folder", "run"]
    folder = tmp_path / "run"
    status, out, errors = interrupted(words, tmp_path, lambda: list(folder.glob("*.sha256")))
    assert (status, out) == (130, "")
    kept = len(list(folder.glob("*.sha256")))
    said = re.fullmatch(
        r"cevnsjax: interrupted; (\d+) of 2930 blocks are kept in run; the same with resume=True "
        r"\(--resume\) goes on\n",
        errors,
    )
    assert said is not None, errors
    # One that was just being written may not have been counted.
    assert 0 < int(said[1]) <= kept <= int(said[1]) + 1
    assert not list(folder.glob(".*"))


def test_an_interrupted_command_without_a_folder(tmp_path):
    words = ["toys", "csi-2017", "--toys", "30000000", "--test", "sin2_theta_w"]
    cache = tmp_path / "cache"
    status, out, errors = interrupted(words, tmp_path, lambda: len(list(cache.rglob("jit*"))) > 3)
    assert (status, out) == (130, "")
    assert errors.startswith("cevnsjax: interrupted; nothing is kept; toys, feldman-cousins, scan")
    assert errors.count("\n") == 1

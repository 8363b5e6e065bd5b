"""The command in a separate process: streams, exit status, and which packages are imported."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("jax", "jaxlib", "numpy", "scipy", "matplotlib", "xarray", "numpyro", "arviz", "optax")
LOADED = f"print([m for m in {HEAVY} if m in sys.modules])"


@pytest.fixture
def python(tmp_path):
    """Function that runs Python with arguments in an empty folder with an empty cache."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    # Settings of a terminal would change the help text.
    environment |= {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}

    def call(*words):
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=tmp_path,
        )

    return call


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

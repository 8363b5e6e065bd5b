"""Every public function has an example in its docstring, and the examples print what they say."""

import doctest
import importlib
import io
import pkgutil
from contextlib import redirect_stderr

import jax.numpy as jnp
import numpy as np
import pytest

import cevnsjax as cj

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    m.name for m in pkgutil.walk_packages(cj.__path__, "cevnsjax.") if not m.name.endswith("main")
]


@pytest.fixture(scope="module")
def names():
    """What examples take for granted, as docs/api/index.md says."""
    csi = cj.experiments.csi_2017()
    return {"cj": cj, "np": np, "jnp": jnp, "csi": csi, "model": cj.Model(csi)}


@pytest.mark.parametrize("module", MODULES)
def test_examples(module, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = importlib.import_module(module)
    tests = doctest.DocTestFinder(exclude_empty=True).find(home, globs=dict(names))
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in tests:
        said = io.StringIO()
        with redirect_stderr(io.StringIO()):
            runner.run(test, out=said.write)
        assert runner.failures == 0, said.getvalue()

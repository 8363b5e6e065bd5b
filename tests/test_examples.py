"""Every public function has an example in its docstring, and examples print the stated output."""

import doctest
import importlib
import inspect
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
ROOMS = (cj, cj.experiments, cj.analyses, cj.plots)


def _public():
    """Public functions and classes by their full name."""
    for room in ROOMS:
        for name in getattr(room, "__all__", None) or vars(room):
            thing = getattr(room, name)
            if name[0] != "_" and callable(thing) and thing.__module__.startswith(room.__name__):
                yield f"{room.__name__}.{name}", thing
    for name, method in inspect.getmembers(cj.Model, inspect.isfunction):
        if name[0] != "_":
            yield f"cevnsjax.Model.{name}", method


PUBLIC = dict(_public())
# Names without an example of their own, which would repeat a training of seconds, and the name
# whose example calls them.
SHOWN_BY = {"cevnsjax.load_amortised": "cevnsjax.amortise"}


@pytest.fixture(scope="module")
def names():
    """The imports and settings that examples assume, as docs/api/index.md says."""
    csi = cj.experiments.csi_2017()
    return {"cj": cj, "np": np, "jnp": jnp, "csi": csi, "model": cj.Model(csi)}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_an_example(name):
    example = (PUBLIC[SHOWN_BY.get(name, name)].__doc__ or "").partition(">>>")[2]
    assert example, f"{name} has no example"
    assert name not in SHOWN_BY or name.rpartition(".")[2] in example


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

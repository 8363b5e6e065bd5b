"""A user's first lines of code, the public names, and units in docstrings."""

import ast
import importlib
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevnsjax as cj

PACKAGE = Path(cj.__file__).parent
NUMBERS = re.compile(r"\b(RealLike|Reals|float)\b")
SHAPES = re.compile(r"(bin|node|point|parameter|panel|knot|name|source)\b.*")


@pytest.fixture(scope="module")
def model():
    return cj.Model([cj.experiments.csi_2017()], [cj.StandardModel()])


# --- what a user does ---
def test_fit_profile_and_scan(model):
    fitted = cj.fit(model, free=["sin2_theta_w"])
    assert fitted.status == "converged"
    profiled = cj.profile(model, "sin2_theta_w")
    assert profiled.best_fit == pytest.approx(fitted.values["sin2_theta_w"], abs=1e-6)
    assert isinstance(profiled.intervals["0.90"], list)
    scanned = cj.scan(model, sin2_theta_w=(0.1, 0.4, 4), R_n_Cs=(4, 6, 3))
    assert scanned["chi2"].shape == (4, 3)
    assert np.all(scanned["chi2"] >= fitted.chi2 - 1)


def test_a_named_analysis_is_a_whole_model():
    assert isinstance(cj.analyses.papoulias2020(quenching="new"), cj.Model)


def test_parameters_print_as_a_table(model):
    text = repr(model.parameters)
    for word in ("name", "meaning", "unit", "default", "bounds", "prior", "scale", "status"):
        assert word in text.splitlines()[0]
    assert "sin2_theta_w" in text
    assert re.search(r"R_n_Cs .* fm ", text)


def test_nll_is_a_pure_function_of_a_dict(model):
    values = {"sin2_theta_w": 0.22, "R_n_Cs": 5}
    value = float(model.nll(values))
    assert float(jax.jit(model.nll)(values)) == pytest.approx(value, rel=1e-13)
    slope = jax.grad(model.nll)({"sin2_theta_w": 0.22, "R_n_Cs": 5.0})
    assert set(slope) == {"sin2_theta_w", "R_n_Cs"}
    h = 1e-5
    up, down = (float(model.nll({**values, "sin2_theta_w": 0.22 + s})) for s in (h, -h))
    assert float(slope["sin2_theta_w"]) == pytest.approx((up - down) / (2 * h), rel=1e-6)
    grid = {"sin2_theta_w": jnp.linspace(0.2, 0.25, 3)}
    rows = jax.vmap(model.nll)(grid)
    one_by_one = [float(model.nll({"sin2_theta_w": float(s)})) for s in grid["sin2_theta_w"]]
    np.testing.assert_allclose(rows, one_by_one, rtol=1e-12)
    curvature = jax.hessian(model.nll)({"sin2_theta_w": 0.22})["sin2_theta_w"]["sin2_theta_w"]
    assert float(curvature) > 0
    given_data = jax.jit(lambda v, d: model.nll(v, data=d))
    assert float(given_data(values, model.observed[0])) == pytest.approx(value, rel=1e-13)


# --- names ---
STUB = ast.parse((PACKAGE / "__init__.pyi").read_text())
HOMES = {a.name: line.module for line in STUB.body for a in line.names}


@pytest.mark.parametrize("name", HOMES)
def test_every_public_name_resolves(name):
    value = getattr(cj, name)
    assert name in dir(cj)
    home = importlib.import_module(f"cevnsjax.{HOMES[name] or name}")
    assert value is (getattr(home, name) if HOMES[name] else home)
    assert name == "__version__" or value.__doc__


def test_the_stub_lists_all_public_names():
    assert set(cj.__all__) | {"__version__"} == set(HOMES)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="No cevnsjax attribute nothing"):
        _ = cj.nothing


def test_version_is_the_installed_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", cj.__version__)


# --- units in docstrings ---
def _public(node, prefix):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            if isinstance(child, ast.FunctionDef):
                yield name, child
            else:
                yield from _public(child, name)


def _section(text, title):
    """Entries of one section of a Google docstring, wrapped lines joined."""
    match = re.search(rf"^{title}:\n((?:[ \t]+.*\n?|\n)*)", text, re.MULTILINE)
    body = re.sub(r"\n {8,}", " ", match[1]) if match else ""
    return [line.strip() for line in body.splitlines() if line.strip()]


def missing_units(name, function):
    """Lines about numbers that carry no [unit] and do not say they are in another's unit."""
    doc = ast.get_docstring(function) or ""
    annotations = {
        a.arg: ast.unparse(a.annotation)
        for a in [*function.args.args, *function.args.kwonlyargs]
        if a.annotation
    }
    returns = ast.unparse(function.returns) if function.returns else ""
    lines = [
        line
        for line in _section(doc, "Args")
        if NUMBERS.search(annotations.get(line.partition(":")[0].strip("*"), ""))
    ]
    lines += _section(doc, "Returns")[-1:] if NUMBERS.search(returns) else []
    return [f"{name}: {x}" for x in lines if not _has_unit(x)]


def _has_unit(line):
    brackets = re.findall(r"\[([^\]]+)\]", line)
    return "unit" in line or any(not SHAPES.fullmatch(b) for b in brackets)


PHYSICS = [
    *("couplings", "cross_section", "form_factors", "core", "nuclei", "numerics", "rate"),
    *("detector", "experiments", "flux", "interactions", "likelihood", "parameters"),
]


@pytest.mark.parametrize("room", PHYSICS)
def test_docstrings_carry_units(room):
    files = [PACKAGE / f"{room}.py"]
    if not files[0].exists():
        files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    missing = []
    for path in files:
        for name, function in _public(ast.parse(path.read_text()), path.stem):
            missing += missing_units(name, function)
    assert missing == []

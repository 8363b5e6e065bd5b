"""A model's functions as files that jax alone can load, differentiate and run.

The file is a zip: ``function.bin`` (StableHLO, as ``jax.export`` writes it), ``manifest.json``
(what goes in and comes out) and one ``.npy`` for every array of the model. Arrays are arguments of
the program, not constants in it: it gives bit by bit what the model gives, and takes other data.
"""

import hashlib
import importlib.util
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cevnsjax._version import __version__
from cevnsjax.core import checks
from cevnsjax.core.disk.files import check_output, write_output
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.model import compiled
from cevnsjax.model.evaluate import KINDS, PREDICTIONS
from cevnsjax.model.model import Model
from cevnsjax.model.structure import Inputs, Observed
from cevnsjax.parameters import Parameter

_INNER = ("signals", "solver_distance", "searched", "solution")
WHAT = tuple(kind for kind in KINDS if kind not in _INNER)
"""Functions of a model that can be exported."""
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
# These solve linear pulls, or leave them out.
_SOLVED = ("profiled_nll", "marginal_nll", "by_component", "best_pulls")
# A fixed date keeps equal content equal byte by byte.
_DATE = (1980, 1, 1, 0, 0, 0)


def export(
    model: Model,
    path: str | Path,
    *,
    what: str = "nll",
    names: str | Iterable[str] | None = None,
    values: Values | None = None,
    platforms: str | Iterable[str] = ("cpu", "cuda"),
    derivatives: int = 1,
    batched: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write one of the model's functions to a file that jax runs without cevnsjax.

    There is no command for it yet: export is a function of the library only.

    The function takes an array of the named parameters, [name] in their units, and the arrays in
    the file; among these are the observed counts, ``counts_<experiment>`` [cell] [count], which
    may be replaced. Nothing is checked when it runs: the bounds are in the manifest.

    Args:
        model: The model.
        path: File to write, ending in .zip.
        what: One of ``WHAT``.
        names: Parameters the function takes, in this order; by default those the table marks free
            and all nuisances that ``what`` does not solve.
        values: Values of parameters that are not named; those left out take their defaults.
        platforms: Where it will run: any of ``PLATFORMS``. None of them is needed to export.
        derivatives: How often reverse-mode derivatives can be taken: 0, 1 or 2.
        batched: Export a function of many points, [point, name], that puts [point] before
            everything it returns: exported functions cannot be mapped by ``jax.vmap``.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        UnknownNameError: At an unknown parameter or function.
        InputError: At an option that cannot be used, an existing file, or without flatbuffers.

    Examples:
        >>> path = cj.export(model, "nll.zip", names=["sin2_theta_w"], platforms="cpu")
        >>> sorted(np.load(path))[:3]
        ['auxiliary', 'counts_csi-2017', 'defaults']
    """
    target = check_output(path, overwrite=overwrite, suffixes=(".zip",))
    plan = _Plan(
        model,
        what,
        _names(model, what, names),
        {} if values is None else values,
        tuple(checks.names("platforms", _listed(platforms), example=PLATFORMS)),
        derivatives,
        batched,
    )
    function, arrays = _function(plan)
    program = _serialized(function, arrays, plan)
    manifest = _manifest(plan, arrays, function)
    manifest["sha256"] = hashlib.sha256(program).hexdigest()
    write_output(
        target, lambda place: _write(place, manifest, program, arrays), overwrite=overwrite
    )
    return target


@dataclass(frozen=True)
class _Plan:
    """The options of an export, checked."""

    model: Model
    what: str
    names: tuple[str, ...]
    values: Values
    platforms: tuple[str, ...]
    derivatives: int
    batched: bool

    def __post_init__(self) -> None:
        if self.what not in WHAT:
            raise UnknownNameError("function", self.what, WHAT)
        if not isinstance(self.values, Mapping):
            raise InputError(f"values must be {{name: value}}, got {self.values!r}")
        for name in self.values:
            if name in self.names:
                raise InputError(f"{name} is both an argument and in values; drop one of the two")
        for platform in self.platforms:
            if platform not in PLATFORMS:
                raise UnknownNameError("platform", platform, PLATFORMS)
        if not self.platforms:
            raise InputError(f"platforms is empty; name some of {', '.join(PLATFORMS)}")
        if type(self.derivatives) is not int or self.derivatives not in (0, 1, 2):
            raise InputError(f"derivatives must be 0, 1 or 2, got {self.derivatives!r}")
        if importlib.util.find_spec("flatbuffers") is None:
            raise InputError("jax.export needs flatbuffers; pip install 'cevnsjax[export]'")
        checks.flag("batched", self.batched)


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _names(model: Model, what: str, names: str | Iterable[str] | None) -> tuple[str, ...]:
    table, solves = model.parameters, what in _SOLVED
    if names is None:
        nuisances = {n for n, p in table.items() if p.kind == "nuisance"}
        entering = {n for n in nuisances if not (solves and table[n].linear)}
        return tuple(n for n, p in table.items() if p.free or n in entering)
    listed = checks.names("names", _listed(names), example=list(table))
    for name in listed:
        if table[name].linear and solves:
            raise InputError(f"{name} does not enter {what}; leave it out, or export nll")
    if not listed:
        raise InputError("names is empty: the function would have no argument")
    return tuple(listed)


def _function(plan: _Plan) -> tuple[Any, dict[str, np.ndarray]]:
    """A jitted function of (point, arrays), and its arrays by name."""
    state, kind = plan.model.state, plan.what
    inputs = state.inputs(plan.values, needed=kind not in PREDICTIONS)
    counts = dict(zip(state.experiments, inputs.observed.counts, strict=True))
    arrays = {f"counts_{name}": np.asarray(n) for name, n in counts.items()}
    arrays |= {
        "auxiliary": np.asarray(inputs.observed.auxiliary),
        "defaults": np.array(inputs.vector),
    }
    arrays |= {f"leaf_{k:03d}": np.asarray(leaf) for k, leaf in enumerate(inputs.leaves)}

    def function(point: Any, arrays: dict[str, Any]) -> Any:
        # Not the model's own arrays: these would become constants of the program.
        leaves = tuple(arrays[f"leaf_{k:03d}"] for k in range(len(inputs.leaves)))
        observed = Observed(tuple(arrays[f"counts_{n}"] for n in counts), arrays["auxiliary"])
        named = dict(zip(plan.names, point, strict=True))
        inputs_of_file = Inputs(leaves, observed, arrays["defaults"], named)
        return compiled.run(kind, state.structure, inputs_of_file)

    return jax.jit(jax.vmap(function, in_axes=(0, None)) if plan.batched else function), arrays


def _serialized(function: Any, arrays: dict[str, np.ndarray], plan: _Plan) -> bytes:
    from jax import export as jax_export

    shape: tuple[Any, ...] = (len(plan.names),)
    if plan.batched:
        shape = (*jax_export.symbolic_shape("point"), *shape)
    point = jax.ShapeDtypeStruct(shape, arrays["defaults"].dtype)
    shapes = {n: jax.ShapeDtypeStruct(a.shape, a.dtype) for n, a in arrays.items()}
    exported = jax_export.export(function, platforms=plan.platforms)(point, shapes)
    return bytes(exported.serialize(vjp_order=plan.derivatives))


def _manifest(plan: _Plan, arrays: dict[str, np.ndarray], function: Any) -> dict[str, Any]:
    model, table = plan.model, plan.model.parameters
    point = np.array([table[n].default for n in plan.names], dtype=arrays["defaults"].dtype)
    result = function(point[None] if plan.batched else point, arrays)
    fixed = {**table.defaults(), **{n: float(x) for n, x in plan.values.items()}}
    return {
        "format": 1,
        "cevnsjax": __version__,
        "jax": jax.__version__,
        "analysis": model.name,
        "what": plan.what,
        "parameters": [_described(table[n]) for n in plan.names],
        "fixed": {n: x for n, x in fixed.items() if n not in plan.names},
        "experiments": {
            n: {"cells": len(arrays[f"counts_{n}"]), "statistic": e.statistic}
            for n, e in model.experiments.items()
        },
        "auxiliary": list(model.state.structure.auxiliary_names),
        "defaults": list(model.state.structure.names),
        "arrays": list(arrays),
        "precision": str(arrays["defaults"].dtype),
        "platforms": list(plan.platforms),
        "derivatives": plan.derivatives,
        "batched": plan.batched,
        "model": model.describe(),
        "at_defaults": jax.tree.map(lambda x: np.asarray(x).tolist(), result),
    }


def _described(parameter: Parameter) -> dict[str, Any]:
    """A parameter as JSON has it: no infinities."""
    low, high = (x if math.isfinite(x) else None for x in parameter.bounds)
    prior = parameter.prior
    if prior is not None:
        prior = {"kind": type(prior).__name__, **asdict(prior)}
    same = ("name", "meaning", "unit", "default", "scale", "kind")
    values = {key: getattr(parameter, key) for key in same}
    return {**values, "low": low, "high": high, "prior": prior}


def _write(
    place: Path, manifest: dict[str, Any], program: bytes, arrays: dict[str, np.ndarray]
) -> None:
    text = json.dumps(manifest, indent=1, allow_nan=False)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("manifest.json", text), ("function.bin", program)):
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            archive.writestr(entry, stream.getvalue(), zipfile.ZIP_DEFLATED)

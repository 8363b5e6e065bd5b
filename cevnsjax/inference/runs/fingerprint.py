"""What a long run was asked to do, as plain data: hashed, stored, and compared field by field."""

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np

from cevnsjax._version import __version__

# Deeper than any experiment is; a cycle ends here.
_DEEPEST = 24
# Differences that are listed in a message.
_MOST_LISTED = 5
_OF_OBJECTIVES = ("name", "dtype", "parameters", "experiments", "interactions", "observed")


def software() -> dict[str, str]:
    """Versions and the backend: with others the same numbers may differ by rounding."""
    import jax

    return {
        "cevnsjax": __version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "backend": jax.default_backend(),
    }


def fingerprint(model: Any) -> dict[str, Any]:
    """An objective as plain data; arrays are hashed.

    An objective that is no model may say what it depends on by an attribute ``fingerprint``.

    Args:
        model: The model.
    """
    out = {n: to_plain(getattr(model, n)) for n in _OF_OBJECTIVES if hasattr(model, n)}
    out["class"] = type(model).__qualname__
    if hasattr(model, "fingerprint"):
        out["fingerprint"] = to_plain(model.fingerprint)
    if hasattr(model, "state"):
        parts = "".join(_array(np.asarray(leaf))["sha256"] for leaf in model.state.leaves)
        out["arrays"] = hashlib.sha256(parts.encode()).hexdigest()
    return out


def to_plain(thing: Any, depth: int = 0) -> Any:
    """Anything as plain data for JSON, the same in every process.

    Args:
        thing: Numbers, arrays, containers, dataclasses, functions and plain objects.
        depth: How deep it lies in others.
    """
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if isinstance(thing, float | np.generic):
        return _number(thing)
    if isinstance(thing, np.dtype):
        return thing.name
    if depth > _DEEPEST:
        return type(thing).__qualname__
    if isinstance(thing, np.ndarray) or (hasattr(thing, "__array__") and hasattr(thing, "dtype")):
        array = np.asarray(thing)
        return _number(array[()]) if array.ndim == 0 else _array(array)
    if hasattr(thing, "_fields"):
        thing = thing._asdict()
    if isinstance(thing, Mapping):
        return {str(k): to_plain(v, depth + 1) for k, v in thing.items()}
    if isinstance(thing, set | frozenset):
        return sorted((to_plain(x, depth + 1) for x in thing), key=repr)
    if isinstance(thing, Sequence):
        return [to_plain(x, depth + 1) for x in thing]
    return _object(thing, depth + 1)


def _number(x: Any) -> Any:
    value = x.item() if isinstance(x, np.generic) else x
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _array(array: np.ndarray) -> dict[str, Any]:
    kept = np.ascontiguousarray(array)
    content = repr(kept.tolist()).encode() if kept.dtype.hasobject else kept.tobytes()
    return {
        "shape": list(kept.shape),
        "dtype": str(kept.dtype),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _object(thing: Any, depth: int) -> Any:
    if isinstance(thing, functools.partial):
        parts = [thing.func, thing.args, thing.keywords]
        return {"partial": [to_plain(x, depth) for x in parts]}
    if isinstance(thing, type):
        return f"{thing.__module__}.{thing.__qualname__}"
    if callable(thing) and hasattr(thing, "__qualname__"):
        return _function(thing, depth)
    named = type(thing).__qualname__
    if dataclasses.is_dataclass(thing):
        found = {f.name: getattr(thing, f.name, None) for f in dataclasses.fields(thing)}
    elif hasattr(thing, "__dict__"):
        # What objects keep for themselves, caches above all, is no part of what they are.
        lazy = [n for n, x in vars(type(thing)).items() if isinstance(x, functools.cached_property)]
        found = {n: x for n, x in vars(thing).items() if n[0] != "_" and n not in lazy}
    else:
        return f"{named} " + re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))
    return {"class": named, **{n: to_plain(x, depth) for n, x in found.items()}}


def _function(given: Callable[..., Any], depth: int) -> dict[str, Any]:
    function: Any = inspect.unwrap(given)
    function = getattr(function, "__func__", function)
    out: dict[str, Any] = {"function": f"{function.__module__}.{function.__qualname__}"}
    owner = getattr(given, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        out["of"] = to_plain(owner, depth)
    code = getattr(function, "__code__", None)
    if code is not None:
        out["code"] = hashlib.sha256(_code(code).encode()).hexdigest()
        cells = [c.cell_contents for c in function.__closure__ or ()]
        out["with"] = [to_plain(x, depth) for x in (*cells, *(function.__defaults__ or ()))]
    return out


def _code(code: CodeType) -> str:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names))


def digest(configuration: Mapping[str, Any]) -> str:
    """sha256 of a configuration in plain data, whatever the order of its names.

    Args:
        configuration: The configuration.
    """
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def diff(stored: Any, asked: Any, at: str = "") -> list[str]:
    """What differs between two configurations, a line for each field.

    Args:
        stored: The one in a folder.
        asked: The one asked for.
        at: Where they lie.
    """
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        names = [*asked, *(n for n in stored if n not in asked)]
        absent = "absent"
        pairs = [(n, stored.get(n, absent), asked.get(n, absent)) for n in names]
        found = [diff(a, b, f"{at}.{n}" if at else n) for n, a, b in pairs]
        return [line for lines in found for line in lines]
    lists = isinstance(stored, list) and isinstance(asked, list)
    if lists and len(stored) == len(asked) and any(isinstance(x, dict | list) for x in asked):
        return diff(dict(enumerate(stored)), dict(enumerate(asked)), at)
    if stored == asked:
        return []
    return [f"{at}: {_short(stored)} in the folder, {_short(asked)} now"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(lines: Sequence[str]) -> str:
    """The first few differences, and how many more there are.

    Args:
        lines: From ``diff``.
    """
    more = len(lines) - _MOST_LISTED
    return "; ".join(lines[:_MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")

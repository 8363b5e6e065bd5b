"""Any value as plain data for JSON that a person can read and that every process writes alike.

Arrays are described by shape, type and sha256. Functions that do not belong to cevnsjax are
described by module, qualified name, the sha256 of their source text and of their code, and the
values that they close over.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType

import numpy as np

from cevnsjax._version import __version__
from cevnsjax.core.user_code import code_sha256

Plain = None | bool | int | float | str | list[object] | dict[str, object]
"""What JSON can hold."""
# Objects that refer to themselves are cut off at this depth, which no experiment reaches.
_MAX_DEPTH = 24


def software() -> dict[str, str]:
    """Versions and jax's backend: with other ones the same numbers may differ by rounding."""
    import jax

    return {
        "cevnsjax": __version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "backend": jax.default_backend(),
    }


def digest(data: object) -> str:
    """sha256 of data from ``to_plain``, whatever the order of names."""
    return sha256_of(json.dumps(data, sort_keys=True, separators=(",", ":")))


def sha256_of(text: str) -> str:
    """sha256 of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_plain(value: object, depth: int = 0) -> Plain:
    """A value, inside ``depth`` containers, as plain data that is the same in every process."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.generic):
        return _number(value)
    if isinstance(value, np.dtype):
        return value.name
    if depth > _MAX_DEPTH:
        return type(value).__qualname__
    if isinstance(value, np.ndarray) or (hasattr(value, "__array__") and hasattr(value, "dtype")):
        array = np.asarray(value)
        return to_plain(array.item()) if array.ndim == 0 else _array(array)
    names = getattr(value, "_fields", None)
    if isinstance(value, tuple) and names is not None:
        value = dict(zip(names, value, strict=True))
    if isinstance(value, Mapping):
        return {str(k): to_plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_plain(x, depth + 1) for x in value), key=repr)
    if isinstance(value, Sequence):
        return [to_plain(x, depth + 1) for x in value]
    return _object(value, depth + 1)


def _number(value: float | np.generic) -> Plain:
    number = value.item() if isinstance(value, np.generic) else value
    return repr(number) if isinstance(number, float) and not math.isfinite(number) else number


def _array(array: np.ndarray) -> dict[str, object]:
    array = np.ascontiguousarray(array)
    content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _object(value: object, depth: int) -> Plain:
    if isinstance(value, functools.partial):
        parts = [value.func, value.args, value.keywords]
        return {"partial": [to_plain(x, depth) for x in parts]}
    if isinstance(value, type):
        return _name(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return _function(value, depth)
    kind = type(value)
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    elif hasattr(value, "__dict__"):
        fields = {n: x for n, x in vars(value).items() if not _is_cache(kind, n, x)}
    else:
        return f"{kind.__qualname__} " + re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    source = {} if _is_ours(kind) else {f"class {n}": x for n, x in _source(kind).items()}
    return {
        "class": kind.__qualname__,
        **{n: to_plain(x, depth) for n, x in fields.items()},
        **source,
    }


def _is_cache(kind: type, name: str, value: object) -> bool:
    """Whether an attribute is a cache, which does not define the object."""
    if isinstance(getattr(kind, name, None), functools.cached_property):
        return True
    return name[0] == "_" and (_is_ours(kind) or isinstance(value, dict | list | set))


def _function(method: Callable[..., object], depth: int) -> dict[str, object]:
    function = inspect.unwrap(method)
    function = getattr(function, "__func__", function)
    out: dict[str, object] = {"function": _name(function)}
    owner = getattr(method, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        out["of"] = to_plain(owner, depth)
    if not _is_ours(function):
        out |= _source(function)
    if isinstance(function, FunctionType):
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        out["closure"] = {n: to_plain(c.cell_contents, depth) for n, c in cells}
        out["defaults"] = to_plain(function.__defaults__, depth)
        if function.__kwdefaults__:
            out["keyword defaults"] = to_plain(function.__kwdefaults__, depth)
        if function.__name__ == "<lambda>":
            # The source text is the whole line, which may hold several lambdas.
            columns = [place[2] for place in function.__code__.co_positions()]
            out["column"] = max(c or 0 for c in columns)
    return out


def _name(thing: Callable[..., object]) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _is_ours(thing: Callable[..., object]) -> bool:
    """Whether the version of cevnsjax says what the source is."""
    return (thing.__module__ or "").partition(".")[0] == "cevnsjax"


def _source(thing: Callable[..., object]) -> dict[str, object]:
    try:
        text = sha256_of(inspect.getsource(thing))
    except (OSError, TypeError):
        text = "source text not available"
    code = code_sha256(thing)
    return {"source": text, **({"code": code} if code else {})}

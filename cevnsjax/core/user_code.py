"""What a function of a user computes: its code and all that this refers to, as sha256.

Comments, line numbers and docstrings do not count; constants of its module and functions of the
user that it calls do.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType

import numpy as np

# What they return stands in the parameter table of a model, field by field.
_PARAMETERS = ("parameters", "own_parameters")
_DATA = (bool, int, float, complex, str, bytes, np.generic, np.ndarray)


def code_sha256(thing: Callable[..., object]) -> str | None:
    """sha256 of a function of a user, or of the methods of a class; None if it has no code."""
    functions = list(_functions(thing))
    if not functions:
        return None
    parts = [*map(_described, functions), *_attributes(thing)]
    reached = {id(f) for f in functions}
    while functions:
        function = functions.pop()
        for name, value in _referred(function):
            further = [f for f in _functions(value) if id(f) not in reached]
            reached |= {id(f) for f in further}
            functions += further
            parts += [*map(_described, further), *_attributes(value)]
            parts += [] if callable(value) else [f"{name}: {_data(value)}"]
    return hashlib.sha256("\n".join(sorted(set(parts))).encode()).hexdigest()


def is_users(thing: object) -> bool:
    """Whether a function, class or module is neither ours nor of an installed package."""
    if isinstance(thing, FunctionType):
        file = thing.__code__.co_filename
    else:
        module = thing if isinstance(thing, ModuleType) else inspect.getmodule(thing)
        if module is None or module.__name__ == "builtins":
            return False
        file = getattr(module, "__file__", None) or module.__name__
    owner = getattr(thing, "__module__", None) or getattr(thing, "__name__", "")
    if str(owner).partition(".")[0] == "cevnsjax":
        return False
    installed = any(part in file for part in ("site-packages", "dist-packages"))
    return not (installed or file.startswith(_standard_library()))


def _standard_library() -> tuple[str, ...]:
    return (str(inspect.getfile(inspect)).rpartition("/")[0], "<frozen", sys.base_prefix + "/lib")


def _functions(thing: object) -> Iterator[FunctionType]:
    """A function of the user, or the methods of one of the user's classes."""
    if isinstance(thing, type):
        for kind in filter(is_users, thing.__mro__):
            for name, member in sorted(vars(kind).items()):
                if name not in _PARAMETERS:
                    yield from _functions(_inside(member))
        return
    function = inspect.unwrap(thing) if callable(thing) else thing
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType) and is_users(function):
        yield function


def _attributes(thing: object) -> list[str]:
    """Data in one of the user's classes."""
    kinds = filter(is_users, thing.__mro__) if isinstance(thing, type) else ()
    members = [(n, x) for kind in kinds for n, x in vars(kind).items() if n[:2] != "__"]
    return [f"{n}: {text}" for n, x in members if (text := _data(x))]


def _inside(member: object) -> object:
    """The function in a method, a property or a class method."""
    for name in ("__func__", "fget", "func"):
        member = getattr(member, name, None) or member
    return member


def _described(function: FunctionType) -> str:
    code, text = function.__code__, function.__doc__
    skipped = 1 if code.co_consts[:1] == (text,) and text is not None else 0
    return f"{function.__qualname__} {_content(code, skipped)}"


def _content(code: CodeType, skipped: int = 0) -> str:
    constants = [
        _content(c) if isinstance(c, CodeType) else _data(c) for c in code.co_consts[skipped:]
    ]
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    # Flags of the code: 3.13 marks the presence of a docstring by one of them.
    return repr((code.co_code.hex(), constants, counts, names))


def _referred(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Names outside a function that its code refers to, with what they stand for."""
    names = sorted(set(_names(function.__code__)))
    spaces = [function.__globals__]
    spaces += [vars(x) for n in names if _is_users_module(x := function.__globals__.get(n))]
    yield from ((n, space[n]) for n in names for space in spaces if n in space)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:  # not yet filled
            continue
    yield "defaults", function.__defaults__
    yield "keyword defaults", function.__kwdefaults__


def _is_users_module(value: object) -> bool:
    return isinstance(value, ModuleType) and is_users(value)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _data(value: object) -> str:
    """Numbers, texts, arrays and containers of them; "" for anything else."""
    if value is None or value is Ellipsis:
        return repr(value)
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        try:
            array = np.ascontiguousarray(value)
        except TypeError:  # a key of random numbers
            return repr(value)
        content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
        return f"{array.shape} {array.dtype} {hashlib.sha256(content).hexdigest()}"
    if isinstance(value, _DATA):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, dict):
        pairs = sorted((repr(k), _data(x)) for k, x in value.items())
        return f"{type(value).__name__} {pairs}"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__} {sorted(map(_data, value))}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} {[_data(x) for x in value]}"
    return ""

"""The small languages of the command line: name=value, name=low:high:points, low:high, ...

All functions raise an InputError at a word of another form, and at a name that is given twice.
"""

import inspect
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.text import of_value, shortened
from cevnsjax.parameters import Normal, Parameter, Prior, Uniform

Axis = tuple[float, float, int] | tuple[float, float, int, str]
"""A scan axis: low, high, number of points, and "log" for even steps of the logarithm."""
_PRIORS = {"normal": Normal, "uniform": Uniform}


def split(word: str, option: str) -> tuple[str, str]:
    """The two sides of name=value."""
    name, sign, value = word.partition("=")
    if not (name and sign and value):
        raise InputError(f"{option} {of_value(word)} should read name=value")
    return name.strip(), value.strip()


def pairs(words: Iterable[str], option: str) -> dict[str, str]:
    """Texts by name from name=value words."""
    texts: dict[str, str] = {}
    for name, text in (split(word, option) for word in words):
        if name in texts:
            raise InputError(f"{option} {name} is given twice; keep one")
        texts[name] = text
    return texts


def axis(word: str) -> tuple[str, Axis]:
    """A scan axis from name=low:high:points or name=low:high:points:log."""
    name, sign, text = word.partition("=")
    parts = text.split(":")
    try:
        low, high, points = float(parts[0]), float(parts[1]), int(parts[2])
        if not (name and sign) or parts[3:] not in ([], ["log"]):
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(
            f"axis {of_value(word)} should read name=low:high:points, e.g. "
            f"{name or 'eps_uV_ee'}=0:1:100, with :log behind it for even steps of the logarithm"
        ) from None
    return name.strip(), (low, high, points, "log") if parts[3:] else (low, high, points)


def axes_of(*words: str) -> dict[str, Axis]:
    """Scan axes by parameter, from the words that are not empty."""
    axes: dict[str, Axis] = {}
    for name, ends in (axis(word) for word in words if word):
        if name in axes:
            raise InputError(f"two axes name {name}; each axis needs a parameter of its own")
        axes[name] = ends
    return axes


def require_axes(
    function: Callable[..., Any], axes: Iterable[str], parameters: Mapping[str, Parameter]
) -> None:
    """Refuse axes that are not parameters, and parameters called like an option of the function."""
    for name in axes:
        if parameters[name].name in inspect.signature(function).parameters:
            raise InputError(f"parameter {name} has the name of an option; rename it")


def require_drawable(axes: Iterable[Axis]) -> None:
    """Refuse axes that a figure cannot show."""
    if any(axis[2] < 2 for axis in axes):
        raise InputError("a figure needs at least two points an axis")


def range_of(word: str, option: str) -> tuple[float, float]:
    """A range from low:high."""
    low, _, high = word.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise InputError(f"{option} {of_value(word)} should read low:high, e.g. 0:1") from None


def ranges_of(words: Iterable[str], option: str) -> dict[str, tuple[float, float]]:
    """Ranges by parameter from name=low:high words."""
    return {n: range_of(text, f"{option} {n}") for n, text in pairs(words, option).items()}


def numbers_of(words: Iterable[str], option: str) -> dict[str, float]:
    """Numbers by name from name=value words."""
    numbers: dict[str, float] = {}
    for name, text in pairs(words, option).items():
        try:
            numbers[name] = float(text)
        except ValueError:
            raise InputError(f"{option} {name}: {of_value(text)} is not a number") from None
    return numbers


def priors_of(words: Iterable[str]) -> dict[str, Prior]:
    """Priors by parameter from name=normal:mean,sd and name=uniform:low,high."""
    priors: dict[str, Prior] = {}
    for name, text in pairs(words, "--prior").items():
        kind, _, numbers = text.partition(":")
        if kind not in _PRIORS:
            raise UnknownNameError("prior", kind, _PRIORS, "(as in name=normal:mean,sd)")
        try:
            first, second = (float(x) for x in numbers.split(","))
        except ValueError:
            raise InputError(
                f"--prior '{name}={text}' should read {name}=normal:mean,sd or "
                f"{name}=uniform:low,high"
            ) from None
        if not (math.isfinite(first) and math.isfinite(second)):
            raise InputError(f"--prior '{name}={text}' needs finite numbers")
        priors[name] = _PRIORS[kind](first, second)
    return priors


def settings(words: Iterable[str], experiments: Collection[str] = ()) -> dict[str, Any]:
    """Options from "name=value", "name.key=value" and "experiment.name=value" words."""
    options: dict[str, Any] = {}
    for name, text in (split(word, "--set") for word in words):
        address, dot, rest = name.partition(".")
        if address in experiments:
            if not (dot and rest):
                raise InputError(f"--set {name}={text} should read {address}.option=value")
            _put(options.setdefault(address, {}), rest, text)
        else:
            _put(options, name, text)
    return options


def _put(options: dict[str, Any], name: str, text: str) -> None:
    head, dot, key = name.partition(".")
    if head in options:
        inside = options[head]
        if not (dot and isinstance(inside, dict)) or key in inside:
            raise InputError(f"--set {name} is given twice; keep one")
    if dot:
        options.setdefault(head, {})[key] = _value(text)
    else:
        options[head] = _value(text)


def _value(text: str) -> Any:
    """The number, list or truth value that the text spells, or else the text itself."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(f"{shortened(text)} is nested too deeply; give numbers or names") from None
    # Not JSON, or a whole number of more digits than Python reads.
    except ValueError:
        pass
    if "," in text:
        return [_value(part) for part in text.split(",")]
    return text

"""Results as plain records: they go to JSON, come back, and outlive the code."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

from cevnsjax.core.disk.reading import read_text
from cevnsjax.core.errors import DataError
from cevnsjax.inference.rounding import finite_or_none

Result = TypeVar("Result", bound="Record")


@dataclass(frozen=True, eq=False)
class Record:
    """Base of dataclasses that are written as JSON objects, a key for each field.

    Arrays and tuples become lists; numbers that are not finite become null. Reading goes by the
    annotations of the fields.
    """

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}

    def to_json(self) -> str:
        """The result as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls: type[Result], data: Mapping[str, Any]) -> Result:
        """The result from what ``to_dict`` gave; other keys are ignored."""
        named = {f.name: f.type for f in fields(cls) if f.name in data}
        return cls(**{name: _restored(kind, data[name]) for name, kind in named.items()})

    @classmethod
    def from_json(cls: type[Result], text: str | Path) -> Result:
        """Read a result back from JSON text or a file.

        Raises:
            DataError: If the JSON is not such a result.
        """
        try:
            return cls.from_dict(json.loads(read_text(text) if isinstance(text, Path) else text))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
            raise DataError(f"not the JSON of a {cls.__name__}: {problem}") from None


def plain(value: Any) -> Any:
    """A value as JSON can hold it: lists for arrays and tuples, None for what is not finite."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(x) for key, x in value.items()}
    if isinstance(value, tuple | list):
        return [plain(x) for x in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return finite_or_none(value) if isinstance(value, float) else value


def _restored(kind: Any, value: Any) -> Any:
    """A value of a field of this type from plain data; None for a number becomes NaN."""
    origin, kinds = get_origin(kind), get_args(kind)
    if type(None) in kinds:
        return None if value is None else _restored(kinds[0], value)
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.from_dict(value)
    if origin is tuple:
        each = repeat(kinds[0]) if kinds[-1] is ... else kinds
        return tuple(_restored(k, x) for k, x in zip(each, value, strict=False))
    if origin is list:
        return [_restored(kinds[0], x) for x in value]
    if origin is dict:
        return {key: _restored(kinds[1], x) for key, x in value.items()}
    if getattr(kind, "array_type", kind) is np.ndarray:
        return np.array(value, dtype=float)
    if kind is float:
        return math.nan if value is None else float(value)
    return value

"""Results as plain data for JSON."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xarray import Dataset

# Attributes of datasets whose texts are JSON.
_JSON = ("fixed", "intervals", "truth")


def plain(data: Any) -> Any:
    """Data with arrays as lists, and with null for numbers that are not finite.

    Args:
        data: Numbers, texts and arrays, in lists and mappings of any depth.
    """
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    if hasattr(data, "tolist"):
        return plain(data.tolist())
    return None if isinstance(data, float) and not math.isfinite(data) else data


def attributes_of(dataset: "Dataset") -> dict[str, Any]:
    """Attributes of a dataset; texts that are JSON are read."""
    return {
        str(name): json.loads(value) if name in _JSON and isinstance(value, str) else value
        for name, value in dataset.attrs.items()
    }

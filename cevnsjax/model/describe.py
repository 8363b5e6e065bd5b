"""What a model consists of, as plain data that a person can read."""

from typing import TYPE_CHECKING

import numpy as np

from cevnsjax.core.plain import digest, software, to_plain

if TYPE_CHECKING:
    from cevnsjax.model.model import Model


def describe(model: "Model") -> dict[str, object]:
    """See ``Model.describe``."""
    arrays = [np.asarray(leaf) for leaf in model.state.leaves]
    return {
        "class": type(model).__qualname__,
        "name": model.name,
        "dtype": model.dtype.name,
        "parameters": to_plain(model.parameters),
        "experiments": to_plain(model.experiments),
        "interactions": to_plain(model.interactions),
        "observed": to_plain(model.observed),
        "arrays": digest({"arrays": to_plain(arrays)}),
        "software": software(),
    }

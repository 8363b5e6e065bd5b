"""What a model consists of, as plain data that a person can read."""

import numpy as np

from cevnsjax.core.plain import digest, software, to_plain
from cevnsjax.model.state import ModelState


def describe(state: ModelState, kind: str, name: str) -> dict[str, object]:
    """See ``Model.describe``; ``kind`` is the name of the model's class."""
    arrays = [np.asarray(leaf) for leaf in state.leaves]
    return {
        "class": kind,
        "name": name,
        "dtype": state.dtype.name,
        "parameters": to_plain(state.parameters),
        "experiments": to_plain(state.experiments),
        "interactions": to_plain(state.structure.interactions),
        "observed": to_plain(state.observed.counts),
        "arrays": digest({"arrays": to_plain(arrays)}),
        "software": software(),
    }

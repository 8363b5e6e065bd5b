"""Words that name experiments: the package's own, and folders of the user's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import typer

from cevnsjax.core.errors import UnknownNameError


def builder_of(word: str) -> Callable[..., Any]:
    """What makes the experiment a word names: one of the package's, or a folder without options.

    Raises:
        UnknownNameError: It is neither.
    """
    from cevnsjax.experiments import EXPERIMENTS

    if word in EXPERIMENTS:
        return EXPERIMENTS[word]
    from cevnsjax.experiments.folders.load import is_experiment_folder, load

    if is_experiment_folder(word):
        return lambda: load(word)
    hint = f"(or a folder that holds experiment.toml, e.g. ./{word})"
    raise UnknownNameError("experiment", word, EXPERIMENTS, hint)


def with_data(model: Any) -> Any:
    """The model with the predictions of planned experiments as their data (an Asimov set)."""
    from cevnsjax.experiments import PlannedExperiment
    from cevnsjax.model import Model

    planned = [n for n, e in model.experiments.items() if isinstance(e, PlannedExperiment)]
    if not planned:
        return model
    counts = model.expected()
    experiments = [
        e.with_data(np.asarray(counts[n])) if n in planned else e
        for n, e in model.experiments.items()
    ]
    say = "no data yet: the prediction at the default parameters stands in for them"
    typer.echo(f"{', '.join(planned)}: {say}", err=True)
    return Model(experiments, model.interactions)

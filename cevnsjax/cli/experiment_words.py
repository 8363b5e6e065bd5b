"""Words that name experiments and interactions: the package's own, and the user's."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cevnsjax.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from cevnsjax.experiments import Experiment
    from cevnsjax.model import Model


def builder_of(word: str) -> "Callable[..., Experiment]":
    """Function that builds the experiment a word names: one of the package's, or a folder."""
    from cevnsjax.experiments import EXPERIMENTS

    if word in EXPERIMENTS:
        if Path(word).is_dir():
            typer.echo(f"{word} is the data release; write ./{word} for the folder", err=True)
        return EXPERIMENTS[word]
    from cevnsjax.experiments.folders.load import is_experiment_folder, load

    if is_experiment_folder(word):
        return lambda: load(word)
    hint = f"(or a folder that holds experiment.toml, e.g. ./{word})"
    raise UnknownNameError("experiment", word, EXPERIMENTS, hint)


def option_defaults(build: Callable[..., object]) -> dict[str, Any]:
    """Options of a function that builds experiments, with their defaults."""
    return {name: p.default for name, p in inspect.signature(build).parameters.items()}


def with_data(model: "Model") -> "Model":
    """The model with the predictions of planned experiments as their data (an Asimov set)."""
    import numpy as np

    from cevnsjax.experiments import PlannedExperiment
    from cevnsjax.model import Model

    planned = [n for n, e in model.experiments.items() if isinstance(e, PlannedExperiment)]
    if not planned:
        return model
    counts = model.expected()
    experiments = [
        e.with_data(np.asarray(counts[n])) if isinstance(e, PlannedExperiment) else e
        for n, e in model.experiments.items()
    ]
    say = "no data yet: the prediction at the default parameters stands in for them"
    typer.echo(f"{', '.join(planned)}: {say}", err=True)
    return Model(experiments, model.interactions)


def imported(path: str) -> Callable[..., Any]:
    """The interaction that "package.module:name" names; the current folder is searched too."""
    import importlib
    import sys

    module, colon, name = path.partition(":")
    if not colon:
        raise InputError(f"interaction {path!r} should read package.module:function")
    if "" not in sys.path:
        sys.path.insert(0, "")
    hint = "; leave .py away" if module.endswith(".py") else ""
    try:
        interaction = getattr(importlib.import_module(module), name)
    # Whatever the user's file raises while it is read is the user's to mend.
    except Exception as problem:
        why = f"{type(problem).__name__}: {problem}"
        raise InputError(f"interaction {path!r} cannot be imported: {why}{hint}") from None
    if not callable(interaction) or isinstance(interaction, type):
        raise InputError(f"interaction {path!r} is not a function, but {interaction!r}")
    return interaction

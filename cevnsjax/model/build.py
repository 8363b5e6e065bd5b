"""What a model is put together from: checks, order, shared pulls, interned descriptions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jax.core import Tracer

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.interactions.interaction import parameters_of
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.model.evaluate import ModelStructure
from cevnsjax.model.nuisance_groups import nuisance_names
from cevnsjax.parameters import Normal, Parameter, ParameterTable

# A component a hundred times its prediction is no systematic any more [1].
_MOST = 100.0
_interned: dict[ModelStructure, ModelStructure] = {}


def by_name(experiments: Experiment | Sequence[Experiment]) -> dict[str, Experiment]:
    """Experiments by name.

    Raises:
        InputError: If there is none, or two share a name.
    """
    listed = list(experiments) if isinstance(experiments, Sequence) else [experiments]
    for e in listed:
        if not isinstance(e, Experiment):
            raise InputError(f"{e!r} is no experiment; give e.g. experiments.csi_2017()")
    if not listed:
        raise InputError("a Model needs at least one experiment, e.g. experiments.csi_2017()")
    names = [e.name for e in listed]
    if len(set(names)) < len(names):
        raise InputError(f"experiments must have different names, got {names}")
    return dict(zip(names, listed, strict=True))


def standard_model_first(interactions: Sequence[Any]) -> tuple[Any, ...]:
    """Interactions with the StandardModel first, a default one if none is given.

    Raises:
        InputError: If there is more than one.
    """
    if callable(interactions):
        raise InputError(f"interactions must be a list, got {interactions!r}; put it in [ ]")
    for i in interactions:
        if isinstance(i, type) or not callable(i):
            raise InputError(f"{i!r} is no interaction; make one, e.g. NSI('eps_uV_ee')")
    standard = [i for i in interactions if isinstance(i, StandardModel)]
    if len(standard) > 1:
        raise InputError(f"a Model has one StandardModel, got {len(standard)}")
    others = [i for i in interactions if not isinstance(i, StandardModel)]
    return (*(standard or [StandardModel()]), *others)


def require_pulls(
    experiments: Iterable[Experiment], free_pulls: Collection[str]
) -> Collection[str]:
    """The names, if all are pulls.

    Raises:
        InputError: If one string is given for a list.
        UnknownNameError: At a name that is none.
    """
    if isinstance(free_pulls, str) or not isinstance(free_pulls, Collection):
        raise InputError(f"free_pulls must be a list of pulls, got {free_pulls!r}; put it in [ ]")
    known = [p.name for e in experiments for p in e.pulls]
    for name in free_pulls:
        if name not in known:
            raise UnknownNameError("pull", name, known)
    return free_pulls


def require_data(experiments: Mapping[str, Experiment], observed: Any, own: Any) -> None:
    """Stop at a planned experiment without data, and at counts no Poisson likelihood can have.

    Args:
        experiments: The experiments by name.
        observed: What is going to be compared with the prediction.
        own: What the experiments hold themselves.

    Raises:
        InputError: Naming the experiment and the remedy.
    """
    for (name, e), counts, kept in zip(
        experiments.items(), observed.counts, own.counts, strict=True
    ):
        if counts is kept:
            if isinstance(e, PlannedExperiment):
                raise InputError(
                    f"{name} is planned and has no data: give data={{{name!r}: counts}}, e.g. "
                    f"model.expected()[{name!r}], or build the model of its with_data(counts)"
                )
        elif e.statistic == "poisson" and not isinstance(counts, Tracer) and np.any(counts < 0):
            raise InputError(f"data for {name} are negative; a Poisson likelihood takes counts")


def as_free(parameter: Parameter) -> Parameter:
    """A pull as a parameter that keeps its components from turning negative."""
    return replace(parameter, linear=False, bounds=(-1.0, _MOST), physical=(True, False))


def table_of(
    interactions: Sequence[Any],
    experiments: Mapping[str, Experiment],
    defaults: Mapping[str, float],
    free_pulls: Collection[str],
) -> ParameterTable:
    """Everything a model depends on: theory first, then nuisances.

    Args:
        interactions: The StandardModel first.
        experiments: By name.
        defaults: Values to use instead of parameters' own defaults.
        free_pulls: Pulls that are parameters like any other.

    Raises:
        UnknownNameError: At an unknown default or free pull.
        InputError: At a default out of bounds, or declarations that clash.
    """
    require_pulls(experiments.values(), free_pulls)
    targets = [e.target for e in experiments.values()]
    declared = [p for i in interactions for p in parameters_of(i, targets)]
    nuisances = [p for e in experiments.values() for p in e.parameters]
    declared += [as_free(p) if p.name in free_pulls else p for p in nuisances]
    table = ParameterTable(declared)
    for name, value in defaults.items():
        table[name].check(value)
    return ParameterTable(
        replace(p, default=float(defaults.get(n, p.default))) for n, p in table.items()
    )


def constraints(table: ParameterTable) -> tuple[tuple[str, Normal], ...]:
    """Gaussian priors of nonlinear nuisances."""
    return tuple((n, p) for n, p in measured(table).items() if not table[n].linear)


def measured(table: ParameterTable) -> dict[str, Normal]:
    """Gaussian priors of all nuisances: what auxiliary measurements constrain."""
    return {
        n: p.prior for n, p in table.items() if p.kind == "nuisance" and isinstance(p.prior, Normal)
    }


def groups(arrays: list[ExperimentArrays]) -> tuple[tuple[int, ...], ...]:
    """Indices of experiments connected by shared pulls."""
    found: list[tuple[set[str], list[int]]] = []
    for i, e in enumerate(arrays):
        names, members = set(nuisance_names([e])), [i]
        for group in [g for g in found if g[0] & names]:
            names, members = names | group[0], group[1] + members
            found.remove(group)
        found.append((names, members))
    return tuple(tuple(members) for _, members in found)


def intern(static: ModelStructure) -> ModelStructure:
    """The one description equal to this, so that equal models share compilations."""
    return _interned.setdefault(static, static)

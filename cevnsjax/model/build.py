"""What a model is put together from: checks, order, shared pulls, interned descriptions."""

from collections.abc import Sequence
from typing import Any

from cevnsjax.errors import InputError
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.model.evaluate import Static
from cevnsjax.model.groups import nuisance_names
from cevnsjax.parameters import Normal, ParameterTable

_interned: dict[Static, Static] = {}


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


def constraints(table: ParameterTable) -> tuple[tuple[str, Normal], ...]:
    """Gaussian priors of nonlinear nuisances."""
    return tuple(
        (n, p.prior)
        for n, p in table.items()
        if p.kind == "nuisance" and not p.linear and isinstance(p.prior, Normal)
    )


def groups(arrays: list[ExperimentArrays]) -> tuple[tuple[int, ...], ...]:
    """Indices of experiments connected by shared pulls."""
    found: list[tuple[set[str], list[int]]] = []
    for i, e in enumerate(arrays):
        names, members = set(nuisance_names([e])), [i]
        for group in [g for g in found if g[0] & names]:
            names, members = names | group[0], group[1] + members
            found.remove(group)
        kinds = {arrays[m].statistic for m in members}
        if len(kinds) > 1:
            raise InputError(
                f"{[arrays[m].name for m in members]} share a nuisance, but one is Gaussian and "
                "one Poisson; give the nuisance two names"
            )
        found.append((names, members))
    return tuple(tuple(members) for _, members in found)


def intern(static: Static) -> Static:
    """The one description equal to this, so that equal models share compilations."""
    return _interned.setdefault(static, static)

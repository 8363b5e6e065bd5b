"""The steps that build a model: checks, the parameter table, shared pulls, the arrays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.detector.refine import Checked
from cevnsjax.experiments.arrays import ExperimentArrays, arrays_of, leaf
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.names import require_meant
from cevnsjax.experiments.recoils import LIGHTEST, Recoils, have_no_limit
from cevnsjax.experiments.systematics import Pull
from cevnsjax.interactions.interaction import (
    parameters_of,
    steepness_of,
    structures_of,
    structures_on_electrons,
)
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.model.data import array_of
from cevnsjax.model.nuisance_groups import nuisance_names
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import ModelStructure, Observed, gaussian_priors
from cevnsjax.parameters import TAKEN, ParameterTable

# Upper bound of a free pull: beyond it a component is not a systematic uncertainty [1].
_MAX_FREE_PULL = 100.0
_interned: dict[ModelStructure, ModelStructure] = {}


def by_name(experiments: Experiment | Sequence[Experiment]) -> dict[str, Experiment]:
    """Experiments by name: one at least, each with its own."""
    listed = list(experiments) if isinstance(experiments, Sequence) else [experiments]
    for e in listed:
        if not isinstance(e, Experiment):
            raise InputError(f"{e!r} is not an experiment; give e.g. experiments.csi_2017()")
    if not listed:
        raise InputError("a Model needs at least one experiment, e.g. experiments.csi_2017()")
    names = [e.name for e in listed]
    for name in names:
        if name in TAKEN:
            raise InputError(f"an experiment cannot be called {name!r}; results have that name")
    if len(set(names)) < len(names):
        raise InputError(f"experiments must have different names, got {names}")
    return dict(zip(names, listed, strict=True))


def standard_model_first(interactions: Sequence[Any]) -> tuple[Any, ...]:
    """Interactions with the one StandardModel first, a default one if none is given."""
    if callable(interactions):
        raise InputError(f"interactions must be a list, got {interactions!r}; put it in [ ]")
    for i in interactions:
        if isinstance(i, type) or not callable(i):
            raise InputError(f"{i!r} is not an interaction; make one, e.g. NSI('eps_uV_ee')")
    standard = [i for i in interactions if isinstance(i, StandardModel)]
    if len(standard) > 1:
        raise InputError(f"a Model has one StandardModel, got {len(standard)}")
    others = [i for i in interactions if not isinstance(i, StandardModel)]
    return (*(standard or [StandardModel()]), *others)


def table_of(
    interactions: Sequence[Any],
    experiments: Mapping[str, Experiment],
    defaults: Mapping[str, float],
    free_pulls: Collection[str],
) -> ParameterTable:
    """Everything a model depends on, theory first, with some defaults replaced.

    A pull that is free keeps the components it multiplies from turning negative.
    """
    if isinstance(free_pulls, str) or not isinstance(free_pulls, Collection):
        raise InputError(f"free_pulls must be a list of pulls, got {free_pulls!r}; put it in [ ]")
    pulls = [p.name for e in experiments.values() for p in e.pulls]
    for name in free_pulls:
        if name not in pulls:
            raise UnknownNameError("pull", name, pulls)
    lognormal = _lognormal_pulls(experiments)
    normal = {"bounds": (-1.0, _MAX_FREE_PULL), "physical": (True, False)}
    if not any(e.electrons for e in experiments.values()):
        _require_nuclei(interactions)
    targets = [e.target for e in experiments.values()]
    flights = [(e.flux.baseline_m, e.flux.kink_energies[-1]) for e in experiments.values()]
    theory = [p for i in interactions for p in parameters_of(i, targets, flights)]
    require_meant({n: [p.name for p in e.parameters] for n, e in experiments.items()})
    nuisances = [p for e in experiments.values() for p in e.parameters]
    table = ParameterTable(
        replace(p, linear=False, **({} if p.name in lognormal else normal))
        if p.name in free_pulls
        else p
        for p in (*theory, *nuisances)
    )
    for name, value in defaults.items():
        table[name].check(value)
    return ParameterTable(
        replace(p, default=float(defaults.get(n, p.default))) for n, p in table.items()
    )


def _require_nuclei(interactions: Sequence[Any]) -> None:
    """Reject an interaction that no experiment sees, whose couplings would change nothing."""
    for i in interactions:
        if not getattr(i, "on_nuclei", True):
            raise InputError(
                f"{type(i).__name__} acts on electrons alone, and no experiment here sees them; "
                "build one with electrons, as csi_2021(electrons=True), or leave it out"
            )


def _lognormal_pulls(experiments: Mapping[str, Experiment]) -> set[str]:
    """Names of lognormal pulls; all who share one agree on its kind and width."""
    first: dict[str, tuple[str, Pull]] = {}
    for owner, e in experiments.items():
        for p in e.pulls:
            other, one = first.setdefault(p.name, (owner, p))
            if one.is_lognormal != p.is_lognormal or (p.is_lognormal and one.sd != p.sd):
                raise InputError(
                    f"pull {p.name} is {one.kind} with sd {one.sd:g} in {other} and {p.kind} with "
                    f"sd {p.sd:g} in {owner}; give them one kind and width, or two names"
                )
    return {name for name, (_, p) in first.items() if p.is_lognormal}


def groups_sharing_pulls(arrays: list[ExperimentArrays]) -> tuple[tuple[int, ...], ...]:
    """Indices of experiments connected by shared pulls."""
    groups: list[tuple[set[str], list[int]]] = []
    for i, e in enumerate(arrays):
        names, members = set(nuisance_names([e])), [i]
        for group in [g for g in groups if g[0] & names]:
            names, members = names | group[0], group[1] + members
            groups.remove(group)
        groups.append((names, members))
    return tuple(tuple(members) for _, members in groups)


def arrays_of_all(
    interactions: tuple[Any, ...],
    experiments: Mapping[str, Experiment],
    free_pulls: Collection[str],
    dtype: np.dtype,
) -> list[ExperimentArrays]:
    """The arrays of all experiments, as the interactions need them."""
    build = partial(
        arrays_of,
        kinematics=interactions[0].kinematics,
        dtype=dtype,
        structures=structures_of(interactions),
        electron_structures=structures_on_electrons(interactions),
        steepness=steepness_of(interactions),
        massless=any(getattr(i, "massless", False) for i in interactions),
        oscillating=any(hasattr(i, "survival") for i in interactions),
        free_pulls=free_pulls,
    )
    return [build(e) for e in experiments.values()]


def with_least_masses(
    table: ParameterTable,
    interactions: tuple[Any, ...],
    experiments: Mapping[str, Experiment],
    arrays: list[ExperimentArrays],
) -> ParameterTable:
    """The table with masses of mediators no lighter than what all responses are refined for.

    Where an experiment accepts recoils of 0, those of T ~ m^2/2M make up the counts of a mediator.

    Raises:
        InputError: If the default of a mass is lighter.
    """
    masses = {name for i in interactions for name in getattr(i, "masses", ())}
    if not masses:
        return table
    power, kinematics = steepness_of(interactions), interactions[0].kinematics
    for e, a in zip(experiments.values(), arrays, strict=True):
        panels = a.signal.panels
        assert panels is not None
        checked = Checked(a.signal.detector, panels, 0.0)
        if have_no_limit(checked, Recoils(e.flux, e.target, kinematics), power):
            break
    else:
        return table
    why = f"at least {1e3 * LIGHTEST:g} keV, as {e.name} accepts recoils of 0"
    for name in masses:
        if table[name].default < LIGHTEST:
            raise InputError(f"{name}={table[name].default:g} is too light: {why}")
    heavier = {
        name: replace(
            table[name],
            bounds=(max(LIGHTEST, table[name].bounds[0]), table[name].bounds[1]),
            physical=(False, table[name].physical[1]),
            meaning=f"{table[name].meaning}, {why}",
        )
        for name in masses
    }
    return ParameterTable(heavier.get(n, p) for n, p in table.items())


def state_of(
    interactions: tuple[Any, ...],
    experiments: Mapping[str, Experiment],
    parameters: ParameterTable,
    arrays: list[ExperimentArrays],
    dtype: np.dtype,
    *,
    observed: Observed | None = None,
    has_data: bool = True,
) -> ModelState:
    """The frozen content of a model, from the arrays of its experiments in their order.

    ``observed`` are the experiments' own data if None.
    """
    leaves, treedef = jax.tree.flatten(arrays)
    priors = gaussian_priors(parameters)
    structure = ModelStructure(
        interactions=interactions,
        treedef=treedef,
        names=tuple(parameters),
        constraints=tuple((n, p) for n, p in priors.items() if not parameters[n].linear),
        auxiliary_names=tuple(priors),
        groups=groups_sharing_pulls(arrays),
    )
    if observed is None:
        counts = tuple(array_of(e.observed, dtype) for e in experiments.values())
        observed = Observed(counts, array_of([prior.mean for prior in priors.values()], dtype))
    return ModelState(
        # The one description equal to this, so that equal models share compilations.
        structure=_interned.setdefault(structure, structure),
        leaves=tuple(x if isinstance(x, jax.Array) else leaf(x, dtype) for x in leaves),
        parameters=parameters,
        experiments=experiments,
        defaults=np.array(list(parameters.defaults().values()), dtype=dtype),
        observed=jax.tree.map(partial(array_of, dtype=dtype), observed),
        has_data=has_data,
    )


def new_state(
    interactions: tuple[Any, ...],
    experiments: Experiment | Sequence[Experiment],
    defaults: Mapping[str, float],
    free_pulls: Collection[str],
    dtype: np.dtype,
) -> ModelState:
    """The frozen content of a new model, from what ``Model`` takes."""
    by_names = by_name(experiments)
    table = table_of(interactions, by_names, defaults, free_pulls)
    arrays = arrays_of_all(interactions, by_names, free_pulls, dtype)
    table = with_least_masses(table, interactions, by_names, arrays)
    return state_of(interactions, by_names, table, arrays, dtype)


def state_with(
    state: ModelState, arrays: list[ExperimentArrays], parameters: ParameterTable
) -> ModelState:
    """The same with other arrays, whose Gaussian variances the experiments take, without data."""
    experiments = {
        n: replace(e, variance=1 / np.asarray(a.weights, dtype=float))
        if e.statistic == "gaussian"
        else e
        for (n, e), a in zip(state.experiments.items(), arrays, strict=True)
    }
    interactions = state.structure.interactions
    return state_of(interactions, experiments, parameters, arrays, state.dtype, has_data=False)

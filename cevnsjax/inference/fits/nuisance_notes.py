"""Notes on solved nuisances: components they make negative, and minima that searches may miss."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cevnsjax.core.types import Values
from cevnsjax.inference.objective import Data, Objective
from cevnsjax.likelihood.curved import is_only_minimum


class Place(NamedTuple):
    """A point: words for it, its chi2, and values of parameters there."""

    where: str
    chi2: float
    values: Mapping[str, float]


Solve = Callable[[list[Mapping[str, float]]], Sequence[Mapping[str, Any]]]
"""Function of points that gives the nuisances solved at each."""


def notes_on_nuisances(model: Objective, places: Sequence[Place]) -> list[str]:
    """Notes on what nuisances do at some places, and on further minima at the first of them."""
    return [*_further_minima(model, places[0]), *_negative_components(model, places)]


def notes_along(
    model: Objective, points: Sequence[tuple[Mapping[str, float], float]], solve: Solve
) -> list[str]:
    """The same where nuisances are to be solved: at points with their chi2, the lowest first."""
    # Pulls that make a component negative cost more chi2 than this.
    least = min((1 / sum(p.sd**2 for p in ps) for ps in _unbounded(model).values()), default=np.inf)
    has_lognormal = any(pull.is_lognormal for _, pull, _ in _pulls(model))
    chosen = [x for i, x in enumerate(points) if x[1] >= least or (i == 0 and has_lognormal)]
    if not chosen:
        return []
    places = []
    for (point, chi2), solved in zip(chosen, solve([x for x, _ in chosen]), strict=True):
        where = ", ".join(f"{n} = {x:.4g}" for n, x in point.items())
        values = {n: float(x) for n, x in {**point, **solved}.items()}
        places.append(Place(f"at {where}", chi2, values))
    return notes_on_nuisances(model, places)


def solver_of(model: Objective, fixed: Values, data: Data) -> Solve:
    """Function of points that gives the nuisances solved at each, one by one."""
    return lambda points: [model.best_pulls({**fixed, **x}, data=data) for x in points]


def _pulls(model: Objective) -> list[tuple[str, Any, bool]]:
    """Experiment and pull, and whether nothing keeps its components at or above 0."""
    experiments = model.experiments.values() if isinstance(model.experiments, Mapping) else ()
    return [
        (e.name, pull, e.statistic == "gaussian" and not pull.is_lognormal)
        for e in experiments
        for pull in getattr(e, "pulls", ())
    ]


def _unbounded(model: Objective) -> dict[tuple[str, str], list[Any]]:
    """Pulls that may make a component of an experiment negative."""
    out: dict[tuple[str, str], list[Any]] = {}
    for experiment, pull, is_unbounded in _pulls(model):
        for component in pull.components if is_unbounded else ():
            out.setdefault((experiment, component), []).append(pull)
    return out


def _further_minima(model: Objective, place: Place) -> Iterator[str]:
    """Lognormal pulls in which chi2 may have a lower minimum than the one at a place."""
    pulls, unsure = _pulls(model), dict[str, None]()
    for experiment, pull, _ in pulls:
        others = [p for e, p, _ in pulls if e == experiment and p.name != pull.name]
        is_alone = not any(set(p.components) & set(pull.components) for p in others)
        shift, width = place.values.get(pull.name, 0.0), np.log1p(pull.sd)
        if pull.is_lognormal and not (
            is_alone and is_only_minimum(width, 1.0, shift, place.chi2, np)
        ):
            unsure[pull.name] = None
    if unsure:
        yield (
            f"chi2 is not convex in {', '.join(unsure)} (lognormal) and may have a lower minimum "
            "than the lowest of several searches"
        )


def _negative_components(model: Objective, places: Sequence[Place]) -> Iterator[str]:
    """Components of Gaussian experiments that pulls make negative: nothing bounds them."""
    for (experiment, component), pulls in _unbounded(model).items():
        names = [p.name for p in pulls]
        for place in places:
            if 1 + sum(place.values.get(n, 0.0) for n in names) < 0:
                listed = " and ".join(names)
                yield f"{listed} below -1: {component} of {experiment} is negative {place.where}"
                break

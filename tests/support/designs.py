"""Models of other designs rebuilt from changed experiments, to compare with arrays of a design."""

import copy
import math
from dataclasses import replace

import numpy as np

import cevnsjax as cj
from cevnsjax.parameters import Normal


def rebuilt(model, design, *, statistical=()):
    """The model of another design, built from changed experiments.

    Args:
        model: The model as it is.
        design: Numbers by key, as in ``inference.forecasts.design``.
        statistical: Names of nuisances whose widths fall with the root of their experiment's
            exposure.
    """
    statistical = [statistical] if isinstance(statistical, str) else statistical
    widths = {n: design[f"sd.{n}"] for n in model.parameters if f"sd.{n}" in design}
    for e in model.experiments.values():
        for p in e.parameters:
            if p.name in statistical and p.name not in widths:
                widths[p.name] = p.prior.sd / math.sqrt(factor(design, "exposure", e.name))
    experiments = [experiment(e, design, widths) for e in model.experiments.values()]
    pulls = [p.name for e in experiments for p in e.pulls]
    values = {n: x for n, x in design.items() if n in model.parameters}
    return cj.Model(
        experiments,
        model.interactions,
        defaults={**model.parameters.defaults(), **values},
        free_pulls=[n for n in dict.fromkeys(pulls) if not model.parameters[n].linear],
        dtype=model.dtype.name,
        name=model.name,
    )


def factor(design, kind, name):
    """Factor on exposure or backgrounds of an experiment."""
    return design.get(kind, 1.0) * design.get(f"{kind}.{name}", 1.0)


def experiment(e, design, widths):
    """An experiment of the design."""
    exposure, level = (factor(design, kind, e.name) for kind in ("exposure", "background"))
    added = (level - 1) * sum(e.backgrounds.values(), np.zeros_like(e.variance))
    observed = exposure * (e.observed + added)
    efficiency = copy.copy(e.detector.efficiency)
    start = f"efficiency.{e.name}."
    for key, x in design.items():
        if key.startswith(start):
            object.__setattr__(efficiency, key.removeprefix(start), x)
    return replace(
        e,
        mass_kg=exposure * e.mass_kg,
        observed=np.maximum(observed, 0.0) if e.statistic == "poisson" else observed,
        variance=e.variance if e.statistic == "poisson" else exposure * (e.variance + added),
        backgrounds={n: exposure * level * b for n, b in e.backgrounds.items()},
        pulls=tuple(replace(p, sd=widths.get(p.name, p.sd)) for p in e.pulls),
        morphs=tuple(morph(m, exposure * level, widths) for m in e.morphs),
        shape={short: shape(p, widths) for short, p in e.shape.items()},
        detector=replace(e.detector, efficiency=efficiency),
    )


def morph(m, times, widths):
    """A morph of scaled backgrounds."""
    scaled = {c: (times * up, times * down) for c, (up, down) in m.components.items()}
    return replace(m, components=scaled, sd=widths.get(m.name, m.sd))


def shape(parameter, widths):
    """A shape parameter with the width of the design."""
    if not isinstance(parameter.prior, Normal):
        return parameter
    sd = widths.get(parameter.name, parameter.prior.sd)
    return replace(parameter, prior=Normal(parameter.prior.mean, sd))

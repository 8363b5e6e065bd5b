"""What other processes compute with a model that comes to them; not a test."""

import numpy as np

import cevnsjax as cj


def switched_on():
    cj.enable_x64()


def numbers(model):
    """Values, predictions and pseudo-experiments at a point off the defaults."""
    table = model.parameters
    theory = [p for n, p in table.items() if p.kind == "theory"]
    values = {p.name: p.default + 0.01 * p.scale for p in theory if off_bounds(p)}
    values |= {n: 0.1 * p.scale for n, p in table.items() if p.kind == "nuisance" and p.linear}
    parts = [model.nll(values), model.profiled_nll(), model.nll()]
    parts += [*model.expected(values).values(), *model.toy(seed=3, truth=values).counts.values()]
    return [np.asarray(x) for x in parts]


def off_bounds(parameter):
    low, high = parameter.bounds
    return low < parameter.default + 0.01 * parameter.scale < high


def derivatives(model):
    """Value, gradient and Hessian by the first parameter."""
    name = next(iter(model.parameters))
    at = {name: model.parameters[name].default}
    value, gradient = model.value_and_grad(at)
    return [np.asarray(x) for x in (value, gradient[name], model.hessian(at))]

"""Many toy fits of one free parameter with cevnsjax's public functions, in one compiled program."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import cevnsjax as cj

# A Newton step from an estimated distance (edm) this small lands within 1e-5 standard deviations of
# the minimum, so the last step is taken without another evaluation.
_MAX_EDM = 1e-6
# Steps are no longer than this many scales of the parameter.
_LONGEST_STEP = 2.0


class ToyFits(NamedTuple):
    """Fits of a batch, each [toy].

    Attributes:
        value: The parameter.
        error: Standard deviation, from the curvature of the profile.
        chi2: chi2 at the minimum.
        edm: Estimated height above the minimum before the last step, in -log L.
        steps: Evaluations of value, slope and curvature.
        converged: Whether edm is small, the curvature positive and no bound reached.
    """

    value: Any
    error: Any
    chi2: Any
    edm: Any
    steps: Any
    converged: Any


def derivatives(model: cj.Model, name: str) -> Callable[[Any, Any], tuple[Any, Any, Any]]:
    """Value, slope and curvature of the profile of one parameter, a function of (x, toy)."""

    def profile(x: Any, toy: Any) -> tuple[Any, Any, Any]:
        def slope(x: Any) -> Any:
            return jax.jvp(lambda y: model.profiled_nll({name: y}, data=toy), (x,), (one,))

        one = jnp.ones_like(x)
        (value, first), (_, second) = jax.jvp(slope, (x,), (one,))
        return value, first, second

    return profile


def fitter(
    model: cj.Model, name: str, *, batch_size: int | None = None, most_steps: int = 20
) -> Callable[[Any], ToyFits]:
    """Compiled function from a batch of toys to fits, Newton's method within the bounds.

    A step that leads up is halved until it does not.

    Args:
        model: The model.
        name: The free parameter; linear nuisances are profiled, others stay at their defaults.
        batch_size: Toys side by side, each batch waiting for its slowest; one by one if None.
        most_steps: Steps at most.
    """
    parameter, at = model.parameters[name], derivatives(model, name)
    low, high = parameter.bounds
    longest = _LONGEST_STEP * parameter.scale

    def fit(toy: Any) -> ToyFits:
        def unfinished(state: Any) -> Any:
            steps, *_, edm = state
            return (steps < most_steps) & ~(edm < _MAX_EDM)

        def step(state: Any) -> Any:
            steps, x, origin, lowest, *_ = state
            value, first, second = at(x, toy)
            rose, convex = ~(value <= lowest + _MAX_EDM), second > 0
            move = jnp.where(convex, first / second, jnp.sign(first) * longest)
            new = jnp.clip(x - jnp.clip(move, -longest, longest), low, high)
            edm = jnp.where(convex & ~rose, first**2 / (2 * second), jnp.inf)
            return (
                steps + 1,
                jnp.where(rose, (x + origin) / 2, new),
                jnp.where(rose, origin, x),
                jnp.where(rose, lowest, value),
                1 / jnp.sqrt(second),
                edm,
            )

        unknown, start = jnp.asarray(jnp.inf), jnp.asarray(parameter.default)
        state = (0, start, start, unknown, unknown, unknown)
        steps, x, _, value, error, edm = jax.lax.while_loop(unfinished, step, state)
        converged = (edm < _MAX_EDM) & (x > low) & (x < high)
        return ToyFits(x, error, 2 * (value - edm), edm, steps, converged)

    return jax.jit(lambda toys: jax.lax.map(fit, toys, batch_size=batch_size))

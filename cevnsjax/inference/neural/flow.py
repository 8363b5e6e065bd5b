"""Conditional normalising flows (flowjax): architecture, and training on simulations."""

import importlib.util
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar

from cevnsjax.core.errors import InputError
from cevnsjax.inference.progress import track
from cevnsjax.inference.promotions import standard_promotion

# Splines act within so many standard deviations of the base distribution.
_SPLINE_RANGE, _KNOTS = 5, 10
_LAYERS, _DEPTH = 3, 3
_STEPS_PER_CALL = 50
_MAX_GRADIENT_NORM = 5.0
# Part of the steps in which the learning rate rises.
_WARMUP_PART = 0.05


def require_flowjax() -> None:
    """Raise an InputError with the remedy where flowjax is missing."""
    if importlib.util.find_spec("flowjax") is None:
        raise InputError("normalising flows need flowjax; pip install 'cevnsjax[ml]'")


def conditional_flow(key: Array, dimension: int, features: int, width: int) -> Any:
    """An untrained density q(z | features), a ``flowjax`` distribution.

    Each layer is an affine map and a rational-quadratic spline (Durkan et al., arXiv:1906.04032)
    whose parameters a neural network computes from the features. Several dimensions have several
    autoregressive layers (Papamakarios et al., arXiv:1705.07057), one dimension has one layer.
    """
    from flowjax.bijections import Affine, Chain, RationalQuadraticSpline
    from flowjax.distributions import StandardNormal
    from flowjax.flows import coupling_flow, masked_autoregressive_flow
    from paramax import Parameterize

    # Posteriors may be a hundred times narrower than priors: exp gets there in fewer steps than
    # the softplus of flowjax.
    affine = eqx.tree_at(lambda a: a.scale, Affine(), Parameterize(jnp.exp, jnp.zeros(())))
    # In one dimension the masks of an autoregressive network would leave half of it unused.
    flow = coupling_flow if dimension == 1 else masked_autoregressive_flow
    spline = RationalQuadraticSpline(knots=_KNOTS, interval=_SPLINE_RANGE)
    with standard_promotion():
        return flow(
            key,
            base_dist=StandardNormal((dimension,)),
            transformer=Chain([affine, spline]),
            cond_dim=features,
            flow_layers=1 if dimension == 1 else _LAYERS,
            nn_width=width,
            nn_depth=_DEPTH,
            nn_activation=jax.nn.silu,
        )


def trained(
    flow: Any,
    simulate: Callable[[Array], tuple[Array, Array]],
    *,
    steps: int,
    rate: float,
    seed: int,
) -> tuple[Any, Float[np.ndarray, " block"]]:
    """The flow with the largest mean probability of simulated z given their features.

    Each step has new simulations of z [toy, dimension] and features [toy, feature], made inside the
    compiled program, so it cannot overfit. Steps are rounded up to whole blocks, in each of which
    the mean of -log q is returned too. The rate rises at first and falls to 0 along a cosine.
    """
    import optax
    from paramax import NonTrainable

    blocks = -(-steps // _STEPS_PER_CALL)
    total = blocks * _STEPS_PER_CALL
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, int(_WARMUP_PART * total), total)
    optimiser = optax.chain(optax.clip_by_global_norm(_MAX_GRADIENT_NORM), optax.adam(schedule))
    weights, rest = eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda x: isinstance(x, NonTrainable)
    )

    def loss(weights: PyTree, key: Array) -> Scalar:
        z, features = simulate(key)
        return -jnp.mean(eqx.combine(weights, rest).log_prob(z, features))

    def step(state: tuple[PyTree, PyTree], key: Array) -> tuple[tuple[PyTree, PyTree], Scalar]:
        weights, moments = state
        value, gradient = jax.value_and_grad(loss)(weights, key)
        update, moments = optimiser.update(gradient, moments, weights)
        return (optax.apply_updates(weights, update), moments), value

    @jax.jit
    def block(state: PyTree, key: Array) -> tuple[PyTree, Scalar]:
        state, values = jax.lax.scan(step, state, jax.random.split(key, _STEPS_PER_CALL))
        return state, jnp.mean(values)

    losses = []
    with standard_promotion():
        state, key = (weights, optimiser.init(weights)), jax.random.key(seed)
        for k in track(range(blocks), "training"):
            state, value = block(state, jax.random.fold_in(key, k))
            losses.append(float(value))
            if not np.isfinite(losses[-1]):
                raise InputError(
                    f"training broke down after {k * _STEPS_PER_CALL} steps: the loss is "
                    f"{losses[-1]}; lower rate={rate:g}, or narrow priors to where counts are "
                    "finite"
                )
    return eqx.combine(state[0], rest), np.array(losses)

"""Conditional normalising flows (flowjax): their shape, and how they are trained on simulations."""

import importlib.util
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.progress import track
from cevnsjax.inference.promotions import standard_promotion

# Splines bend within so many standard deviations of the base, between so many knots.
_REACH, _KNOTS = 5, 10
_LAYERS, _DEPTH = 3, 3
# Steps in one compiled call; norm at which gradients are cut; part of the steps that warm up.
_BLOCK, _LONGEST, _WARM = 50, 5.0, 0.05


def require_flowjax() -> None:
    """Stop where flowjax is not installed.

    Raises:
        InputError: With the line that mends it.
    """
    if importlib.util.find_spec("flowjax") is None:
        raise InputError("normalising flows need flowjax; pip install 'cevnsjax[ml]'")


def conditional_flow(key: Any, size: int, given: int, width: int) -> Any:
    """An untrained density q(z | features), a ``flowjax`` distribution.

    Each layer is an affine map and a rational-quadratic spline (Durkan et al., arXiv:1906.04032)
    whose shape a neural network makes from the features; with several dimensions the layers are
    autoregressive (Papamakarios et al., arXiv:1705.07057), with one there is one layer.

    Args:
        key: Of jax.random, for the first weights.
        size: Number of dimensions of z.
        given: Number of features.
        width: Neurons in a hidden layer.
    """
    from flowjax.bijections import Affine, Chain, RationalQuadraticSpline
    from flowjax.distributions import StandardNormal
    from flowjax.flows import coupling_flow, masked_autoregressive_flow
    from paramax import Parameterize

    # exp, as posteriors are a hundred times narrower than priors; flowjax' softplus is slow there.
    affine = eqx.tree_at(lambda a: a.scale, Affine(), Parameterize(jnp.exp, jnp.zeros(())))
    # With one dimension the masks of an autoregressive network would leave half of it unused.
    kind = coupling_flow if size == 1 else masked_autoregressive_flow
    with standard_promotion():
        return kind(
            key,
            base_dist=StandardNormal((size,)),
            transformer=Chain([affine, RationalQuadraticSpline(knots=_KNOTS, interval=_REACH)]),
            cond_dim=given,
            flow_layers=1 if size == 1 else _LAYERS,
            nn_width=width,
            nn_depth=_DEPTH,
            nn_activation=jax.nn.silu,
        )


def trained(
    flow: Any,
    simulate: Callable[[Any], tuple[Any, Any]],
    *,
    steps: int,
    rate: float,
    seed: int,
) -> tuple[Any, np.ndarray]:
    """The flow that makes simulated z most probable given their features.

    New simulations at every step, made inside the compiled program: nothing to overfit.

    Args:
        flow: Where to start.
        simulate: From a key of jax.random to a batch of (z [toy, size], features [toy, given]).
        steps: Number of steps, rounded up to whole blocks.
        rate: Highest learning rate; it rises at first and falls to 0 along a cosine.
        seed: Of the simulations.

    Returns:
        The flow and the mean of -log q(z | features) in each block of steps [1].

    Raises:
        InputError: If the loss stops being a number.
    """
    import optax
    from paramax import NonTrainable

    blocks = -(-steps // _BLOCK)
    total = blocks * _BLOCK
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, int(_WARM * total), total)
    optimiser = optax.chain(optax.clip_by_global_norm(_LONGEST), optax.adam(schedule))
    weights, rest = eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda x: isinstance(x, NonTrainable)
    )

    def loss(weights: Any, key: Any) -> Any:
        z, features = simulate(key)
        return -jnp.mean(eqx.combine(weights, rest).log_prob(z, features))

    def step(state: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], Any]:
        weights, memory = state
        value, slopes = jax.value_and_grad(loss)(weights, key)
        change, memory = optimiser.update(slopes, memory, weights)
        return (optax.apply_updates(weights, change), memory), value

    @jax.jit
    def block(state: Any, key: Any) -> tuple[Any, Any]:
        state, values = jax.lax.scan(step, state, jax.random.split(key, _BLOCK))
        return state, jnp.mean(values)

    losses = []
    with standard_promotion():
        state, first = (weights, optimiser.init(weights)), jax.random.key(seed)
        for k in track(range(blocks), "training"):
            state, value = block(state, jax.random.fold_in(first, k))
            losses.append(float(value))
            if not np.isfinite(losses[-1]):
                raise InputError(
                    f"training broke down after {k * _BLOCK} steps: the loss is {losses[-1]}; "
                    f"lower rate={rate:g}, or narrow priors to where counts are finite"
                )
    return eqx.combine(state[0], rest), np.array(losses)

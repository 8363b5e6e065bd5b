"""How signals fill cells: by hand, as a map and its adjoint, and derivatives by differences."""

import numpy as np
import pytest

from cevnsjax.experiments import csi_2021
from cevnsjax.model import Model
from cevnsjax.model.expansion.signal_cells import signal_cells

# Inside and outside of the range in which templates are interpolated, [point] for each morph.
AT = np.array([[0.4, -1.7], [-0.3, 0.8], [1.2, 0.0], [0.9, -0.6], [-2.0, 0.1]])


@pytest.fixture(scope="module")
def arrays():
    (experiment,) = Model(csi_2021()).state.numpy_arrays
    return experiment


def morphs_of(e, at=AT):
    names = (*e.R_moved, *e.spread_moved)
    assert e.R_moved
    assert e.spread_moved
    return dict(zip(names, at[: len(names)], strict=True))


def made(e, at=AT):
    sources, bins, _ = e.spread.shape
    return signal_cells(e, morphs_of(e, at), sources, bins)


def random(*shape):
    return np.random.default_rng(7).normal(size=shape)


def bent(x):
    """What multiplies the curved part: through 0 and 1 with two derivatives, straight beyond."""
    return abs(x) if abs(x) > 1 else x**2 * (15 - 10 * x**2 + 3 * x**4) / 8


def test_cells_by_hand(arrays):
    e, morphs = arrays, morphs_of(arrays)
    sources, bins, others = e.spread.shape
    signal = random(2, sources, 1 + 2 * len(e.R_moved), bins)
    got = made(e).cells(signal)
    for point in range(2):
        at = {n: x[point] for n, x in morphs.items()}
        fall, variants = e.spread.copy(), np.zeros((sources, bins))
        for k, name in enumerate(e.spread_moved):
            linear, curved = e.spread_morphs[2 * k : 2 * k + 2]
            fall += at[name] * linear + bent(at[name]) * curved
        for k, name in enumerate(e.R_moved):
            linear, curved = (signal[point, :, 1 + 2 * k + i] for i in (0, 1))
            variants += at[name] * linear + bent(at[name]) * curved
        cells = signal[point, :, 0, :, None] * fall + variants[..., None] * e.spread
        np.testing.assert_allclose(got[point], cells.reshape(sources, bins * others), rtol=1e-12)


def test_weights_of_signals_are_the_adjoint(arrays):
    e, cells = arrays, made(arrays)
    sources, bins, others = e.spread.shape
    signal = random(2, sources, 1 + 2 * len(e.R_moved), bins)
    weights = random(2, sources, bins * others)
    np.testing.assert_allclose(
        np.sum(weights * cells.cells(signal), axis=(1, 2)),
        np.sum(cells.signal(weights) * signal, axis=(1, 2, 3)),
        rtol=1e-11,
    )
    np.testing.assert_allclose(
        np.sum(weights * cells.nominal(signal), axis=(1, 2)),
        np.sum(cells.nominal_signal(weights) * signal[:, :, 0], axis=(1, 2)),
        rtol=1e-11,
    )


def test_derivatives_by_morphs(arrays):
    e, h = arrays, 1e-5
    sources, bins, others = e.spread.shape
    weights = random(2, sources, bins * others)
    for k, name in enumerate(morphs_of(e)):
        step = h * np.eye(len(AT))[:, [k]]
        up, down = (made(e, AT + side).signal(weights) for side in (step, -step))
        got = np.broadcast_to(made(e).signal_by(name, weights), up.shape)
        np.testing.assert_allclose(got, (up - down) / (2 * h), atol=1e-7 * abs(up).max())

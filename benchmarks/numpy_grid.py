"""NumPy over many points, as a careful author would write it when neutron radii vary too.

Everything that does not depend on (sin2_theta_w, R_n_Cs, R_n_I) is computed once; the rest is
vectorised over points, in blocks that fit the processor's cache.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy_reference import (
    DEFAULT,
    EDGES,
    HBARC,
    IN_BIN,
    MASS,
    R_P,
    T_NR,
    FixedResponse,
    N,
    Z,
    chi2,
    helm,
    node_weights,
    nucleon_charges,
)

BLOCK, NODE_BLOCK = 4000, 500
STEPS = np.array([1e-4, 1e-3, 1e-3])
HESSIAN_STEPS = np.array([1e-3, 1e-2, 1e-2])
_BINS = len(EDGES) - 1
_Q = np.sqrt(2 * MASS * T_NR) / HBARC
_PROTON = Z * helm(_Q, R_P)
_RESPONSE = [w[..., None] * IN_BIN for w in node_weights(T_NR)]  # [nucleus, node, bin]
_FLAT = [r.reshape(-1, _BINS) for r in _RESPONSE]


def full(points: np.ndarray) -> np.ndarray:
    """Values of the five parameters from (sin2_theta_w, R_n_Cs, R_n_I), [..., 3] -> [..., 5]."""
    points = np.asarray(points, dtype=float)
    rest = np.broadcast_to(DEFAULT[3:], (*points.shape[:-1], 2))
    return np.concatenate([points, rest], axis=-1)


def signal(points: np.ndarray) -> np.ndarray:
    """Signal counts at points [..., 3] of (sin2_theta_w, R_n_Cs, R_n_I)."""
    values = full(points)
    neutron = N * helm(_Q, values[..., 1:3, None])
    p_e, n_e, p_mu, n_mu = (
        np.broadcast_to(g, values.shape[:-1])[..., None, None] for g in nucleon_charges(values)
    )
    shape = (*values.shape[:-1], -1)
    Q2_e = ((p_e * _PROTON + n_e * neutron) ** 2).reshape(shape)
    Q2_mu = ((p_mu * _PROTON + n_mu * neutron) ** 2).reshape(shape)
    return Q2_e @ _FLAT[0] + Q2_mu @ _FLAT[1]


def nll(points: np.ndarray) -> np.ndarray:
    """Half of chi2 at points [..., 3]."""
    return chi2(signal(points)) / 2


def value_and_gradient(point: np.ndarray) -> np.ndarray:
    """Value and central differences of nll, [4], from seven points evaluated in one call."""
    shifts = np.diag(STEPS)
    stencil = np.concatenate([point[None], point + shifts, point - shifts])
    f = nll(stencil)
    return np.concatenate([f[:1], (f[1:4] - f[4:]) / (2 * STEPS)])


def hessian(point: np.ndarray) -> np.ndarray:
    """Central second differences of nll, [3, 3], from nineteen points evaluated in one call."""
    h = np.diag(HESSIAN_STEPS)
    pairs = [(0, 1), (0, 2), (1, 2)]
    corners = [a * h[i] + b * h[j] for i, j in pairs for a in (1, -1) for b in (1, -1)]
    f = nll(point + np.concatenate([np.zeros((1, 3)), h, -h, corners]))
    out = np.diag(f[1:4] - 2 * f[0] + f[4:7])
    for (i, j), (pp, pm, mp, mm) in zip(pairs, f[7:].reshape(3, 4), strict=True):
        out[i, j] = out[j, i] = (pp - pm - mp + mm) / 4
    return out / np.outer(HESSIAN_STEPS, HESSIAN_STEPS)


def _blocks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def scan_1d(fixed: FixedResponse, s2w: np.ndarray, predict: Callable) -> np.ndarray:
    """chi2 along sin2_theta_w with a fixed response.

    Args:
        fixed: Response and form factors.
        s2w: Grid.
        predict: ``FixedResponse.predict`` (nodes) or ``predict_template``.
    """
    out = np.empty(s2w.size)
    size = NODE_BLOCK if predict is FixedResponse.predict else BLOCK
    for block in _blocks(s2w.size, size):
        values = np.tile(DEFAULT, (s2w[block].size, 1))
        values[:, 0] = s2w[block]
        out[block] = chi2(predict(fixed, values))
    return out


def scan_2d_nodes(s2w: np.ndarray, R_Cs: np.ndarray) -> np.ndarray:
    """chi2 on (sin2_theta_w, R_n_Cs) through the nodes, form factors once per radius."""
    out = np.empty((s2w.size, R_Cs.size))
    values = np.tile(DEFAULT, (s2w.size, 1))
    values[:, 0] = s2w
    couplings = np.stack(np.broadcast_arrays(*nucleon_charges(values)))[..., None]
    proton, radii = _PROTON.ravel(), DEFAULT[1:3, None].copy()
    for j, R in enumerate(R_Cs):
        radii[0] = R
        neutron = (N * helm(_Q, radii)).ravel()
        for block in _blocks(s2w.size, NODE_BLOCK):
            p_e, n_e, p_mu, n_mu = couplings[:, block]
            e, mu = p_e * proton + n_e * neutron, p_mu * proton + n_mu * neutron
            out[block, j] = chi2((e * e) @ _FLAT[0] + (mu * mu) @ _FLAT[1])
    return out


def scan_2d_templates(s2w: np.ndarray, R_Cs: np.ndarray) -> np.ndarray:
    """chi2 on (sin2_theta_w, R_n_Cs) by six templates per radius, quadratic in the couplings."""
    values = np.tile(DEFAULT, (s2w.size, 1))
    values[:, 0] = s2w
    p, n, P, M = np.broadcast_arrays(*nucleon_charges(values))
    products = np.stack([p * p, 2 * p * n, n * n, P * P, 2 * P * M, M * M], axis=-1)
    out = np.empty((s2w.size, R_Cs.size))
    for block in _blocks(R_Cs.size, max(1, BLOCK // s2w.size)):
        counts = products @ _templates(R_Cs[block])  # [radius, s2w, bin]
        out[:, block] = chi2(counts).T
    return out


def scan_nsi(fixed: FixedResponse, eps_u: np.ndarray, eps_d: np.ndarray) -> np.ndarray:
    """chi2 on (eps_uV_ee, eps_dV_ee): counts quadratic in the couplings, six templates in all."""
    u, d = (x.ravel() for x in np.meshgrid(eps_u, eps_d, indexing="ij"))
    out = np.empty(u.size)
    for block in _blocks(u.size, BLOCK):
        values = np.tile(DEFAULT, (u[block].size, 1))
        values[:, 3], values[:, 4] = u[block], d[block]
        out[block] = chi2(fixed.predict_template(values))
    return out.reshape(eps_u.size, eps_d.size)


def _templates(R_Cs: np.ndarray) -> np.ndarray:
    """Counts per product of couplings, [radius, 6, bin]."""
    radii = np.stack([R_Cs, np.full_like(R_Cs, DEFAULT[2])], axis=-1)[..., None]
    neutron = (N * helm(_Q, radii)).reshape(R_Cs.size, -1)
    proton = np.broadcast_to(_PROTON.ravel(), neutron.shape)
    shapes = np.stack([proton**2, proton * neutron, neutron**2], axis=1)
    return np.concatenate([shapes @ r for r in _FLAT], axis=1)

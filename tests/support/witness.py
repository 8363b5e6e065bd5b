"""Independent chi2 of the default CsI-2017 analysis: plain NumPy, pulls as explicit parameters.

Physics from ``benchmarks/numpy_reference.py``, which shares no line with the package, on a finer
recoil grid; minimised and differentiated by scipy or by hand, never by the package.
"""

import importlib.util
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

_PATH = Path(__file__).parents[2] / "benchmarks" / "numpy_reference.py"
_ORDER = 10


def _load():
    spec = importlib.util.spec_from_file_location("numpy_reference_witness", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _helm(q, R, s=0.9):
    """Helm form factor of q [1/fm]; below R = sqrt(3) s its box radius is imaginary."""
    x = q * np.emath.sqrt(5 / 3 * (R**2 - 3 * s**2))
    return (3 * (np.sin(x) - x * np.cos(x)) / x**3).real * np.exp(-((q * s) ** 2) / 2)


plain = _load()
plain.helm = _helm
_nominal = plain.n_pe
DEFAULTS = dict(zip(plain.NAMES, plain.DEFAULT.tolist(), strict=True)) | {"qf_scale_csi2017": 1.0}
SCALES = {"sin2_theta_w": 0.05, "R_n_Cs": 0.5, "R_n_I": 0.5, "qf_scale_csi2017": 0.05}
PULLS = {"alpha_sig_csi2017": 0.128, "alpha_brn_csi2017": 0.25}
QF_SD = 0.051


def signal(values):
    """Signal counts [bin]; a scaled quenching curve moves the recoil grid with it."""
    values = {**DEFAULTS, **values}
    qf = values["qf_scale_csi2017"]
    plain.n_pe = lambda T: qf * _nominal(T)
    plain.T_NR, plain.WEIGHT, plain.BIN = plain.recoil_grid(_ORDER)
    return plain.predict_rebuilt([values[n] for n in plain.NAMES])


def chi2(values, pulls=None, data=None):
    """Chi2 with given pulls, or minimised over them in closed form."""
    data = plain.MEASURED if data is None else data
    s, sd = signal(values), plain.SIGMAS
    if pulls is None:
        columns = np.stack([s, plain.B_ON])
        A = columns / plain.VARIANCE @ columns.T + np.diag(1 / sd**2)
        pulls = np.linalg.solve(A, columns / plain.VARIANCE @ (data - s - plain.B_ON))
    a = np.asarray(pulls)
    rest = data - (1 + a[0]) * s - (1 + a[1]) * plain.B_ON
    shape = (values.get("qf_scale_csi2017", 1.0) - 1) / QF_SD
    return float(np.sum(rest**2 / plain.VARIANCE) + np.sum((a / sd) ** 2) + shape**2)


def brute_force(names, data=None, start=None):
    """Minimum over named parameters and both pulls: values, covariance and chi2."""
    every = [*names, *PULLS]
    scale = np.array([SCALES.get(n, PULLS.get(n)) for n in every])
    center = np.array([DEFAULTS.get(n, 0.0) if start is None else start.get(n, 0.0) for n in every])

    def value(u):
        x = center + u * scale
        values = dict(zip(names, x.tolist(), strict=False))
        return chi2(values, x[len(names) :], data)

    u = np.zeros(len(every))
    for _ in range(2):
        u = minimize(value, u, method="Powell", options={"xtol": 1e-9, "ftol": 1e-15}).x
    for _ in range(3):  # Newton steps on numerical derivatives polish what Powell leaves
        g, H = derivatives(value, u)
        u = u - np.linalg.solve(H, g)
    covariance = 2 * np.linalg.inv(derivatives(value, u)[1]) * np.outer(scale, scale)
    return dict(zip(every, (center + u * scale).tolist(), strict=True)), covariance, value(u)


def derivatives(f, u, h=1e-2):
    """Gradient and Hessian by central differences, extrapolated once to fourth order."""

    def second_order(h):
        e = np.eye(len(u)) * h
        g = np.array([(f(u + a) - f(u - a)) / (2 * h) for a in e])
        H = [[f(u + a + b) - f(u + a - b) - f(u - a + b) + f(u - a - b) for b in e] for a in e]
        return g, np.array(H) / (4 * h**2)

    coarse, fine = second_order(2 * h), second_order(h)
    return tuple((4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True))

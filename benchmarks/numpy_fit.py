"""The default CsI-2017 fit of sin2_theta_w with NumPy and scipy.optimize.minimize.

As a script it prints the result as JSON: what `cevnsjax fit csi-2017` is compared with.
"""

import json
import math

import numpy as np
from numpy_reference import B_ON, DEFAULT, MEASURED, SIGMAS, VARIANCE, FixedResponse
from scipy.optimize import minimize

NAMES = ("sin2_theta_w", "alpha_sig_csi2017", "alpha_brn_csi2017")
SCALES = np.array([0.05, *SIGMAS])
RTOL = 1e-6
WHY = "fits, because BFGS stops at a small gradient and errors are second differences: 1e-6"


def chi2(point: np.ndarray, fixed: FixedResponse) -> np.ndarray:
    """Chi2 of sin2_theta_w and both pulls at points [..., 3]."""
    point = np.asarray(point, dtype=float)
    values = np.broadcast_to(DEFAULT, (*point.shape[:-1], DEFAULT.size)).copy()
    values[..., 0] = point[..., 0]
    pulls = point[..., 1:]
    expected = (1 + pulls[..., :1]) * fixed.predict(values) + (1 + pulls[..., 1:]) * B_ON
    return (MEASURED - expected) ** 2 @ (1 / VARIANCE) + np.sum((pulls / SIGMAS) ** 2, axis=-1)


def covariance(best: np.ndarray, fixed: FixedResponse) -> np.ndarray:
    """Twice the inverse of the second differences of chi2, in scaled units."""
    h = np.diag(np.full(len(NAMES), 1e-3))

    def f(u: np.ndarray) -> float:
        return float(chi2(u * SCALES, fixed))

    hessian = np.array(
        [[f(best + a + b) - f(best + a - b) - f(best - a + b) + f(best - a - b) for b in h]
         for a in h]
    )  # fmt: skip
    return 2 * np.linalg.inv(hessian / (4 * h[0, 0] ** 2))


def fit() -> tuple[dict[str, float], dict[str, float], float]:
    """Best fit from three starts: values, errors, chi2."""
    fixed = FixedResponse()
    fits = []
    for shift in (0.0, -1.0, 1.0):
        start = np.array([DEFAULT[0] / SCALES[0] + shift, 0.0, 0.0])
        fits.append(
            minimize(
                lambda u: float(chi2(u * SCALES, fixed)),
                start,
                jac="3-point",
                method="BFGS",
                options={"gtol": 1e-6},
            )
        )
    best = min(fits, key=lambda r: r.fun)
    errors = np.sqrt(np.diag(covariance(best.x, fixed))) * SCALES
    values = dict(zip(NAMES, (best.x * SCALES).tolist(), strict=True))
    return values, dict(zip(NAMES, errors.tolist(), strict=True)), float(best.fun)


def summary(values: dict, errors: dict, chi2_min: float) -> list[float]:
    """Numbers of a fit to compare: value and error of sin2_theta_w, errors of the pulls, chi2."""
    spreads = [math.nan if errors[n] is None else errors[n] for n in NAMES]
    return [values[NAMES[0]], *spreads, chi2_min]


if __name__ == "__main__":
    best_values, best_errors, minimum = fit()
    print(json.dumps({"values": best_values, "errors": best_errors, "chi2": minimum}))

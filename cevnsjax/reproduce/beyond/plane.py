"""Weak mixing angle and neutron radius of CsI 2021 together."""

import numpy as np

from cevnsjax.experiments import csi_2021
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model
from cevnsjax.plots import ContourSet, contours
from cevnsjax.reproduce.beyond.section import Result, ResultTable, percent
from cevnsjax.reproduce.figures import regions


def model_of_csi() -> Model:
    """CsI 2021 with one R_n for both nuclei."""
    return Model(csi_2021(split_flux=True), [StandardModel(radii="common")], name="csi_2021")


def region() -> ContourSet:
    """Delta chi2 over sin2_theta_w and R_n [fm]."""
    axes = {"sin2_theta_w": (0.0, 0.8, 81), "R_n": (2.0, 12.0, 81)}
    return regions.region(model_of_csi(), axes, 0.6827, 0.90, label="CsI 2021", best_fit=True)


def theory() -> tuple[float, float]:
    """The Standard Model's angle and the mean of the theory radii of Cs and I [1, fm]."""
    defaults = model_of_csi().parameters.defaults()
    return defaults["sin2_theta_w"], defaults["R_n"]


def result() -> Result:
    """The contours, and the range of each parameter inside them."""
    contour, point = region(), theory()
    figure = contours(
        [contour],
        x_label=r"$\sin^2\theta_W$",
        y_label=r"$R_n$(Cs, I) [fm]",
        points=[("theory", *point)],
    )
    x, y, chi2 = (np.asarray(a) for a in (contour.x, contour.y, contour.delta_chi2))
    rows = []
    for level, height in contour.levels.items():
        inside = chi2 <= height
        across, up = x[inside.any(axis=1)], y[inside.any(axis=0)]
        spans = (_reach(a, ends) for a, ends in ((across, x), (up, y)))
        rows.append((percent(float(level)), *spans))
    i, j = (int(np.argmin(np.abs(a - v))) for a, v in zip((x, y), point, strict=True))
    assert contour.best_fit is not None
    note = (
        f"Read off a grid of {x.size} x {y.size} points. Best point of the grid: sin2_theta_w = "
        f"{contour.best_fit[0]:.3f}, R_n = {contour.best_fit[1]:.2f} fm; theory ({point[0]:.4f}, "
        f"{point[1]:.3f} fm) lies {chi2[i, j]:.2f} above it in chi2."
    )
    columns = ("level, two parameters", "sin2_theta_w", "R_n [fm]")
    table = ResultTable("Reach of the regions", columns, tuple(rows), note)
    return Result([table], {"plane": figure})


def _reach(inside: np.ndarray, grid: np.ndarray) -> str:
    """First and last point inside as text; "..." where the region continues beyond the grid."""
    ends = (inside[0], grid[0]), (inside[-1], grid[-1])
    return f"[{', '.join('...' if a == b else f'{a:.3g}' for a, b in ends)}]"

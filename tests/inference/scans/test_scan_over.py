"""Scans profiled over further parameters, and their nuisances: brute force and finer scans."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from support.toy import Batched, Toy, parameter

from cevnsjax import Model, Normal, StandardModel, scan
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.scans import profiled_grid as lattice
from cevnsjax.interactions.owners import owning


def close(result, expected, atol=1e-8):
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


# --- closed forms ---


def swapping(x, z, y):
    """Two valleys in y; which one is lower changes along z = 0.3 x."""
    return 20 * (y**2 - 1) ** 2 + 3 * (z - 0.3 * x) * y + (x - 0.2) ** 2 + z**2


def lowest(x, z, low=-3.0, high=3.0):
    """The minimum of chi2 over y and its place: a root of a cubic, or a bound."""
    roots = np.roots([80, 0, -80, 3 * (z - 0.3 * x)])
    inside = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > low) & (roots.real < high)]
    return min((swapping(x, z, y), y) for y in (low, high, *inside.tolist()))


def swap(kind=Batched, **options):
    table = [parameter(n, bounds=(-3.0, 3.0)) for n in "xz"]
    return kind([*table, parameter("y", bounds=(-3.0, 3.0), unit="fm", **options)], swapping)


@pytest.mark.parametrize("kind", [Toy, Batched])
def test_the_lower_of_two_valleys_at_every_point(kind):
    points = 9 if kind is Toy else 25
    result = scan(swap(kind), free="y", x=(-3.0, 3.0, points), z=(-2.9, 3.0, 7))
    assert result.chi2.dims == ("x", "z")
    assert result.y.attrs["units"] == "fm"
    assert result.attrs["engine"] == "newton"
    assert list(result.attrs["profiled"]) == ["y"]
    assert bool(result.converged.all())
    expected = np.array([[lowest(x, z) for z in result.z.values] for x in result.x.values])
    close(result.chi2, expected[:, :, 0])
    # Where both valleys are equally low, either place is right.
    z, x = np.meshgrid(result.z, result.x)
    apart = np.abs(z - 0.3 * x) > 1e-6
    close(result.y.values[apart], expected[:, :, 1][apart], atol=1e-5)
    close(result.delta_chi2, result.chi2 - result.attrs["chi2_min"], atol=0)
    at = {n: result.attrs[f"best_fit_{n}"] for n in "xz"}
    assert float(result.chi2.sel(at)) == result.attrs["chi2_min"] == float(result.chi2.min())


@pytest.mark.parametrize("ends", [(0.0, 3.0), (-0.6, 0.4)])
def test_bounds_of_what_is_profiled_are_kept(ends):
    result = scan(swap(), free="y", bounds={"y": ends}, x=(-3.0, 3.0, 11), z=(-3.0, 3.0, 12))
    expected = np.array([[lowest(x, z, *ends) for z in result.z.values] for x in result.x.values])
    close(result.chi2, expected[:, :, 0])
    assert float(result.y.min()) >= ends[0]
    assert float(result.y.max()) <= ends[1]


def test_values_on_bounds_that_rounding_would_move():
    """Best values lie within the bounds, so that the model accepts them."""
    bound, scale = 6.59, 0.18
    assert bound / scale * scale > bound
    table = [parameter("x"), parameter("y", bounds=(0.0, bound), scale=scale)]
    result = scan(Batched(table, lambda x, y: (y - x - 90) ** 2), free="y", x=(-1.0, 1.0, 3))
    np.testing.assert_array_equal(result.y, bound)


def test_two_further_parameters():
    """A Gaussian of four: the profile's covariance is that of the two axes."""
    A = np.random.default_rng(2).normal(size=(4, 4))
    covariance = A @ A.T + 0.2 * np.eye(4)
    inverse, names = np.linalg.inv(covariance), ("x", "y", "a", "b")

    def chi2(**values):
        v = [values[n] for n in names]
        return sum(inverse[i, j] * v[i] * v[j] for i in range(4) for j in range(4))

    toy = Batched([parameter(n, scale=0.5) for n in names], chi2)
    result = scan(toy, free=["a", "b"], x=(-2.0, 3.0, 7), y=np.array([-1.0, 0.5, 4.0]))
    pair = np.stack(np.meshgrid(result.x, result.y, indexing="ij"), axis=-1)
    close(
        result.chi2,
        np.einsum("xyi,ij,xyj->xy", pair, np.linalg.inv(covariance[:2, :2]), pair),
        1e-7,
    )
    best = pair @ np.linalg.solve(covariance[:2, :2], covariance[:2, 2:])
    close(result.a, best[:, :, 0], 1e-5)
    close(result.b, best[:, :, 1], 1e-5)


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
def test_any_number_of_axes(axes):
    """Axes have even and odd numbers of points, or one point; chi2 is separable."""
    names = ["x", "y", "z", "w"][:axes]
    sizes = [11, 4, 2, 1][:axes]
    table = [parameter(n, bounds=(-3.0, 3.0)) for n in [*names, "a"]]

    def chi2(a, **values):
        return sum((v - 1) ** 2 for v in values.values()) + (a - sum(values.values())) ** 2

    grids = {n: np.linspace(-1, 1, s) for n, s in zip(names, sizes, strict=True)}
    result = scan(Batched(table, chi2), free="a", **grids)
    values = np.meshgrid(*(result[n] for n in names), indexing="ij")
    total = sum(values)
    far = np.clip(total, -3, 3) - total
    close(result.chi2, sum((v - 1) ** 2 for v in values) + far**2, 1e-7)


def test_order_of_axes_only_transposes():
    one = scan(swap(), free="y", x=(-3.0, 3.0, 8), z=(-3.0, 2.0, 5))
    other = scan(swap(), free="y", z=(-3.0, 2.0, 5), x=(-3.0, 3.0, 8))
    assert other.chi2.dims == ("z", "x")
    close(other.chi2.T, one.chi2)


def test_nonlinear_nuisances_are_profiled_by_default():
    table = [
        parameter("x", bounds=(-9.0, 9.0)),
        parameter("n", kind="nuisance", prior=Normal(0.0, 0.5), scale=0.5),
    ]
    toy = Batched(table, lambda x, n: ((x + n - 1) / 0.3) ** 2 + (n / 0.5) ** 2, step=2.0**-8)
    result = scan(toy, x=(0.0, 3.0, 7))
    close(result.chi2, (result.x - 1) ** 2 / (0.3**2 + 0.5**2))
    close(result.n, -(result.x - 1) * 0.5**2 / (0.3**2 + 0.5**2), 1e-6)
    held = scan(toy, fixed={"n": 0.0}, x=(0.0, 3.0, 7))
    close(held.chi2, (held.x - 1) ** 2 / 0.3**2)
    assert held.attrs["engine"] == "node"


def test_points_where_a_parameter_is_unconstrained_are_flagged():
    table = [parameter("x", bounds=(0.0, 1.0)), parameter("y")]

    def chi2(x, y):
        return 4 * x**2 + np.where(np.asarray(x) > 0.5, -np.log1p(y**2), y**2)

    result = scan(Batched(table, chi2), free="y", x=(0.0, 1.0, 9))
    np.testing.assert_array_equal(result.converged, result.x <= 0.5)
    close(result.chi2[result.converged.values], 4 * result.x[result.x <= 0.5] ** 2)


def test_points_without_a_likelihood_are_flagged():
    """chi2 is NaN for x > 2.2: the scan has NaN there, and its lowest point lies elsewhere."""
    table = [parameter("x", bounds=(0.0, 4.0)), parameter("y")]

    def chi2(x, y):
        return np.where(np.asarray(x) > 2.2, np.nan, 1.0) * ((x - 1.5) ** 2 + (y - x) ** 2)

    result = scan(Batched(table, chi2), free="y", x=(0.0, 4.0, 9))
    bad = result.x.values > 2.2
    assert np.all(np.isnan(result.chi2.values[bad]))
    assert not result.converged.values[bad].any()
    close(result.chi2.values[~bad], (result.x.values[~bad] - 1.5) ** 2)
    assert result.attrs["best_fit_x"] == 1.5


def rough(c):
    """Valleys that bend, join and part."""

    def chi2(x, z, y):
        bent = 3 * (y**2 - 1 - 0.5 * c[0] * x - 0.3 * c[6] * z) ** 2 + 2 * c[1] * x * y
        waves = 3 * np.sin(2 * c[4] * x + 3 * y * c[5] + c[7] * z) + 4 * c[2] * y**3 * np.exp(
            -(y**2)
        )
        return bent + waves + (x - c[3]) ** 2 + z**2 + 0.05 * y**4

    return chi2


@pytest.mark.parametrize("seed", range(4))
def test_rough_functions_against_a_fine_grid(seed):
    chi2 = rough(np.random.default_rng(seed).normal(size=8))
    table = [parameter("x", bounds=(-3.0, 3.0)), parameter("z", bounds=(-3.0, 3.0))]
    toy = Batched([*table, parameter("y", bounds=(-4.0, 4.0))], chi2, step=2.0**-9)
    result = scan(toy, free="y", x=(-3.0, 3.0, 23), z=(-3.0, 3.0, 18))
    y = np.linspace(-4, 4, 4001)
    fine = np.array([[np.min(chi2(x, z, y)) for z in result.z.values] for x in result.x.values])
    assert bool(result.converged.all())
    assert np.all(result.chi2.values <= fine + 1e-8)
    close(result.chi2, fine, 2e-4)


# --- CsI 2017 ---


NSI = ("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "eps_dV_mumu")


@cache
def model():
    return Model(csi_2017(), owning(NSI))


def test_one_coupling_against_a_finer_scan():
    """Two couplings as axes, one profiled: some points are compared with finer scans."""
    result = scan(
        model(),
        free="eps_dV_ee",
        bounds={"eps_dV_ee": (-1.0, 1.0)},
        eps_uV_ee=(-2.0, 2.0, 21),
        eps_uV_mumu=(-0.8, 0.5, 9),
    )
    assert bool(result.converged.all())
    for k in range(0, result.chi2.size, 17):
        i, j = np.unravel_index(k, result.chi2.shape)
        held = {
            "eps_uV_ee": float(result.eps_uV_ee[i]),
            "eps_uV_mumu": float(result.eps_uV_mumu[j]),
        }
        fine = scan(model(), fixed=held, eps_dV_ee=(-1.0, 1.0, 2001)).attrs["chi2_min"]
        assert fine - 1e-3 < float(result.chi2[i, j]) <= fine + 1e-9
        again = 2 * float(
            model().profiled_nll({**held, "eps_dV_ee": float(result.eps_dV_ee[i, j])})
        )
        assert float(result.chi2[i, j]) == pytest.approx(again, rel=1e-12)


def test_two_couplings_against_scipy():
    names = ("eps_dV_ee", "eps_dV_mumu")
    result = scan(
        model(),
        free=names,
        bounds=dict.fromkeys(names, (-1.0, 1.0)),
        eps_uV_ee=(-1.0, 1.0, 7),
        eps_uV_mumu=np.array([-0.9, 0.0, 0.4]),
    )
    rng = np.random.default_rng(0)

    def least(held):
        def chi2(e):
            values = {**held, **dict(zip(names, e.tolist(), strict=True))}
            value, slopes = model().value_and_grad(values, names=names)
            return 2 * value, 2 * np.array([slopes[n] for n in names])

        starts = rng.uniform(-1, 1, (6, 2))
        options = {"ftol": 1e-15, "gtol": 1e-9}
        bounds = [(-1, 1)] * 2
        return min(minimize(chi2, s, jac=True, bounds=bounds, options=options).fun for s in starts)

    for i, j in ((0, 0), (3, 2), (5, 1)):
        held = {
            "eps_uV_ee": float(result.eps_uV_ee[i]),
            "eps_uV_mumu": float(result.eps_uV_mumu[j]),
        }
        assert float(result.chi2[i, j]) == pytest.approx(least(held), abs=2e-7)


@pytest.mark.slow
def test_a_mass_against_a_finer_scan():
    """A narrow valley where a mediator interferes, over masses of six decades."""
    model = Model(csi_2017(), owning(["g_Zp", "m_Zp"]))
    result = scan(model, free="g_Zp", bounds={"g_Zp": (0.0, 1e-2)}, m_Zp=(0.1, 1e5, 25, "log"))
    for m, chi2 in zip(result.m_Zp.values.tolist(), result.chi2.values.tolist(), strict=True):
        g = np.unique([0.0, *np.geomspace(1e-7, 1e-2, 20_001), *np.linspace(0, 1e-2, 20_001)])
        fine = 2 * np.asarray(model.map({"m_Zp": m}, {"g_Zp": g}))
        assert fine.min() - 1e-3 < chi2 <= fine.min() + 1e-8


@pytest.mark.parametrize("free", [(), ("eps_dV_ee",)])
def test_nuisances_are_the_best_pulls(free):
    result = scan(
        model(),
        free=free,
        keep_nuisances=True,
        eps_uV_ee=(-0.5, 0.5, 3),
        sin2_theta_w=(0.2, 0.3, 2),
    )
    assert result.attrs["engine"] == "newton"
    pulls = [n for n in result.data_vars if n.startswith("alpha_")]
    assert set(pulls) == set(model().best_pulls())
    for i in range(3):
        for j in range(2):
            at = {n: float(result[n][k]) for n, k in (("eps_uV_ee", i), ("sin2_theta_w", j))}
            at |= {n: float(result[n][i, j]) for n in free}
            best = model().best_pulls(at)
            for name in pulls:
                assert float(result[name][i, j]) == pytest.approx(float(best[name]), abs=1e-12)
            chi2 = 2 * float(model().profiled_nll(at))
            assert float(result.chi2[i, j]) == pytest.approx(chi2, rel=1e-11)


def test_nuisances_in_several_batches(monkeypatch):
    monkeypatch.setattr(lattice, "_CHUNK", 3)
    result = scan(model(), keep_nuisances=True, eps_uV_ee=(-0.5, 0.5, 8))
    for x, alpha in zip(result.eps_uV_ee.values, result.alpha_sig_csi2017.values, strict=True):
        best = model().best_pulls({"eps_uV_ee": float(x)})["alpha_sig_csi2017"]
        assert alpha == pytest.approx(float(best), abs=1e-12)


def test_data_and_held_values_reach_the_inner_fits():
    data = model().expected({"eps_dV_ee": 0.1, "sin2_theta_w": 0.3})
    result = scan(
        model(),
        free="eps_dV_ee",
        fixed={"sin2_theta_w": 0.3},
        data=data,
        keep_nuisances=True,
        eps_uV_ee=(-0.1, 0.1, 3),
    )
    assert float(result.chi2[1]) == pytest.approx(0.0, abs=1e-9)
    assert float(result.alpha_sig_csi2017[1]) == pytest.approx(0.0, abs=1e-5)


# --- refusals ---


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match=r"no template is exact where \['y'\] are wanted"):
        scan(swap(), free="y", engine="template", x=(-1.0, 1.0, 3))
    with pytest.raises(InputError, match="no template is exact where nuisances are wanted"):
        scan(model(), keep_nuisances=True, engine="template", eps_uV_ee=(-1.0, 1.0, 3))
    with pytest.raises(InputError, match="both free and fixed"):
        scan(swap(), free="y", fixed={"y": 1.0}, x=(-1.0, 1.0, 3))
    with pytest.raises(InputError, match="bounds name q, which is not free"):
        scan(swap(), free="y", bounds={"q": (0.0, 1.0)}, x=(-1.0, 1.0, 3))
    with pytest.raises(InputError, match="low < high"):
        scan(swap(), free="y", bounds={"y": (1.0, 0.0)}, x=(-1.0, 1.0, 3))
    message = r"2000 x 1000 points with a minimisation at each takes about 0\.56 hours; .* 1e\+06"
    with pytest.raises(InputError, match=message):
        scan(swap(), free="y", x=(-1.0, 1.0, 2000), z=(-1.0, 1.0, 1000))
    with pytest.raises(InputError, match="with a minimisation at each"):
        scan(model(), keep_nuisances=True, eps_uV_ee=(-1.0, 1.0, 1_000_001))


def test_bounds_of_what_is_not_profiled_are_refused():
    with pytest.raises(InputError, match="bounds name y, which is not free"):
        scan(swap(), bounds={"y": (0.0, 1.0)}, x=(-1.0, 1.0, 3))
    with pytest.raises(InputError, match=r"bounds name x, which is not free; free are .'y'."):
        scan(swap(), free="y", bounds={"x": (0.0, 1.0)}, x=(-1.0, 1.0, 3))


def test_radius_profiled_on_a_logarithmic_axis():
    """Points of the axis are even in the logarithm and include both ends exactly."""
    model = Model(csi_2017(), [StandardModel()])
    result = scan(model, free="R_n_Cs", sin2_theta_w=(0.05, 0.9, 6, "log"))
    np.testing.assert_allclose(np.diff(np.log(result.sin2_theta_w)), np.log(18) / 5, rtol=1e-12)
    assert (float(result.sin2_theta_w[0]), float(result.sin2_theta_w[-1])) == (0.05, 0.9)
    for s, chi2 in zip(result.sin2_theta_w.values.tolist(), result.chi2.values, strict=True):
        fine = scan(model, fixed={"sin2_theta_w": s}, R_n_Cs=(0.0, 12.0, 4001)).attrs["chi2_min"]
        assert fine - 1e-4 < chi2 <= fine + 1e-9

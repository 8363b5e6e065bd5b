"""chi2 from templates against chi2 from nodes, for every interaction and data set."""

import numpy as np
import pytest

from cevnsjax import StandardModel, scan
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.interactions.owners import owning
from cevnsjax.model import Model

EPS = (-1.0, 1.0)
GRIDS = {
    "sin2_theta_w": {"sin2_theta_w": (0.0, 1.0, 31)},
    "nsi": {"eps_uV_ee": (*EPS, 13), "eps_dV_ee": (*EPS, 17)},
    "nsi changing": {"eps_uV_emu": (*EPS, 9), "eps_dV_mumu": (*EPS, 8)},
    "nsi and angle": {"eps_uV_ee": (*EPS, 7), "sin2_theta_w": (0.0, 0.5, 19)},
    "four nsi": dict.fromkeys(("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "eps_dV_mumu"), (*EPS, 4)),
    "radii": {"r2_nu_ee": (-80.0, 40.0, 11), "r2_nu_mumu": (-80.0, 40.0, 9)},
    "charges": {"q_nu_ee": (-60.0, 60.0, 11), "q_nu_emu": (-60.0, 60.0, 7)},
    "moments": {"mu_nu_e": (0.0, 60.0, 11), "mu_nu_mu": (0.0, 60.0, 12)},
    "vector": {"g_Zp": (0.0, 1e-2, 23), "m_Zp": np.geomspace(0.1, 1e4, 12)},
    "scalar": {"g_phi": (0.0, 1e-3, 23), "m_phi": np.geomspace(0.1, 1e4, 7)},
    "generalized": {"xi_S": (0.0, 2.0, 9), "xi_T": (0.0, 2.0, 11)},
    "tensor": {"eps_uT_ee": (*EPS, 9), "eps_dT_ee": (*EPS, 8)},
    "radius": {"R_n_Cs": (3.0, 7.0, 6), "sin2_theta_w": (0.0, 0.5, 19)},
}
BUILT = {"csi-2017": csi_2017, "lar-2020": lar_2020, "csi-2021": csi_2021}


def model(experiments, axes, **options):
    beyond = owning(list(axes), {})
    return Model(experiments, [StandardModel(**options), *beyond])


def compare(analysis, axes, within=1e-9, **options):
    """Both engines agree in chi2 on the same grid to a relative tolerance, 1e-9 by default."""
    by_engine = {e: scan(analysis, engine=e, **options, **axes) for e in ("node", "template")}
    for engine, scanned in by_engine.items():
        assert scanned.attrs["engine"] == engine
        assert scanned.chi2.dims == tuple(axes)
    node, template = (by_engine[e].chi2.to_numpy() for e in ("node", "template"))
    assert np.max(np.abs(template - node) / np.maximum(np.abs(node), 1.0)) < within
    assert np.ptp(node) > 1e-6


@pytest.mark.parametrize("name", GRIDS)
def test_csi_2017(name):
    compare(model(csi_2017(), GRIDS[name]), GRIDS[name])


@pytest.mark.parametrize("name", ["nsi", "radii", "vector", "moments"])
def test_joint_gaussian(name):
    compare(model([csi_2017(), lar_2020()], GRIDS[name]), GRIDS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nsi and angle", "vector", "charges"])
def test_csi_2021(name):
    """Sources differ in time, morphs change the response, nuisances are solved at each point."""
    compare(model(csi_2021(), GRIDS[name]), GRIDS[name])


@pytest.mark.slow
def test_mixed_and_shared():
    built = [csi_2017(split_flux=True), csi_2021(split_flux=True, morphs=("qf_1",))]
    compare(model(built, GRIDS["nsi"]), GRIDS["nsi"])


def test_rows_of_a_nonlinear_nuisance():
    """Each value of the quenching scale has its own templates, and its constraint is added."""
    axes = {"qf_scale_csi2017": (0.85, 1.15, 7), "sin2_theta_w": (0.1, 0.4, 9)}
    compare(Model(csi_2017(shape="qf_scale")), axes)


def test_counting_and_smearing():
    for options in ({"statistic": "counting"}, {"smearing": "gamma"}):
        compare(model(csi_2017(**options), GRIDS["nsi"]), GRIDS["nsi"])


def test_other_data_and_fixed_values():
    analysis = model(csi_2017(), GRIDS["nsi"])
    toy = analysis.toy(3)
    compare(analysis, GRIDS["nsi"], data=toy, fixed={"sin2_theta_w": 0.3, "R_n_Cs": 4.5})


def test_searched_pull_is_held():
    name = "alpha_sig_csi2017"
    analysis = Model(csi_2017(), owning(["eps_uV_ee"], {}), free_pulls=[name])
    compare(analysis, {"eps_uV_ee": (*EPS, 15)}, fixed={name: 0.2})


def test_refused_where_it_is_not_exact():
    analysis = Model(csi_2017())
    with pytest.raises(InputError, match="no template is exact"):
        scan(analysis, engine="template", R_n_Cs=(4.0, 6.0, 3), R_n_I=(4.0, 6.0, 3))
    with pytest.raises(InputError, match="no template is exact"):
        scan(analysis, engine="template", R_n_Cs=(4.0, 6.0, 3))


def test_auto_takes_templates_the_second_time_and_for_large_grids():
    analysis, axes = model(csi_2017(), GRIDS["nsi"]), GRIDS["nsi"]
    assert [scan(analysis, **axes).attrs["engine"] for _ in range(2)] == ["node", "template"]
    fresh = model(csi_2017(), GRIDS["nsi"])
    large = {"eps_uV_ee": (*EPS, 400), "eps_dV_ee": (*EPS, 300)}
    assert scan(fresh, **large).attrs["engine"] == "template"


def test_blocks_are_put_together_in_the_order_of_the_axes(monkeypatch):
    """Three axes, the longest first, cut into blocks of uneven number."""
    from cevnsjax.model.templates import grid

    monkeypatch.setattr(grid, "_MAX_POINTS", 60)
    axes = {"eps_dV_ee": (*EPS, 20), "eps_uV_ee": (*EPS, 3), "eps_uV_mumu": (*EPS, 5)}
    compare(model(csi_2017(), axes), axes)

"""What is not used is not built, and not compiled again."""

import jax
import pytest

from cevnsjax import (
    NSI,
    ChargeRadius,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    Millicharge,
    Model,
    StandardModel,
    Sterile,
    TensorNSI,
)
from cevnsjax.experiments import csi_2017
from cevnsjax.model import evaluate


@pytest.fixture
def traces(monkeypatch):
    """Grows by one whenever the profiled nll is traced."""
    seen = []
    original = evaluate.KINDS["profiled_nll"]

    def counted(*args):
        seen.append(args[0])
        return original(*args)

    monkeypatch.setitem(evaluate.KINDS, "profiled_nll", counted)
    return seen


def _kernels(model):
    """Structures with kernels, over all experiments and isotopes."""
    experiments = model.state.arrays
    return {structure for e in experiments for kernel in e.kernels.values() for structure in kernel}


def test_standard_model_is_one_compilation(traces):
    """Named or implied, before and after other models were made; nodes no other test has."""
    implied = Model(csi_2017(nodes=13))
    Model(csi_2017(nodes=13), [StandardModel(), NSI(), MagneticMoment(), LightScalar()])
    named = Model(csi_2017(nodes=13), [StandardModel()])
    assert implied.state.structure is named.state.structure
    assert implied.profiled_nll({"sin2_theta_w": 0.3}) == named.profiled_nll({"sin2_theta_w": 0.3})
    assert len(traces) == 1
    for model in (implied, named):
        model.value_and_grad({"sin2_theta_w": 0.25})
    assert len(traces) == 2


def test_equal_interactions_share_a_compilation(traces):
    for eps in (0.1, 0.2):
        model = Model(csi_2017(nodes=14), [NSI("eps_uV_ee"), LightVector("B-L")])
        model.profiled_nll({"eps_uV_ee": eps, "g_Zp": 1e-5, "m_Zp": 50.0})
    assert len(traces) == 1


def test_standard_model_has_vector_kernels_only():
    model = Model(csi_2017())
    assert _kernels(model) == {"vector"}
    (arrays,) = model.state.arrays
    assert arrays.signal.structures == ("vector",)


@pytest.mark.parametrize(
    ("interaction", "structures"),
    [
        (NSI(), {"vector"}),
        (ChargeRadius(), {"vector"}),
        (Millicharge(), {"vector"}),
        (LightVector(), {"vector"}),
        (Sterile(), {"vector"}),
        (MagneticMoment(), {"vector", "magnetic"}),
        (LightScalar(), {"vector", "scalar"}),
        (TensorNSI(), {"vector", "tensor"}),
        (GeneralizedInteractions(), {"vector", "scalar", "tensor"}),
        (GeneralizedInteractions("R_ST"), {"vector", "scalar_tensor"}),
        (
            GeneralizedInteractions("C_u_S", "C_u_T"),
            {"vector", "scalar", "tensor", "scalar_tensor"},
        ),
    ],
    ids=lambda x: type(x).__name__,
)
def test_only_declared_kernels(interaction, structures):
    assert _kernels(Model(csi_2017(), [StandardModel(), interaction])) == structures


def test_unused_couplings_are_no_operations():
    """Switching one coupling on adds less to the program than switching all on."""

    def size(*interactions):
        model = Model(csi_2017(), [StandardModel(), *interactions])
        names = list(model.parameters.defaults())
        values = {n: p.default for n, p in model.parameters.items()}
        jaxpr = jax.make_jaxpr(model.nll)({n: values[n] for n in names})
        return str(jaxpr).count("=")

    plain = size()
    assert plain < size(NSI("eps_uV_ee")) < size(NSI())
    assert size(Sterile("sin2_2theta")) > plain

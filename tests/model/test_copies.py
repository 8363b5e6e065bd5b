"""Models that are copied, pickled or sent to other processes give the same numbers, bit for bit."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache

import cloudpickle
import jax
import numpy as np
import pytest
from support import worker

import cevnsjax as cj
from cevnsjax.analyses import analysis
from cevnsjax.core.errors import InputError, PrecisionError


def contact(values, nucleus):
    charge = values["eps_contact"] * nucleus.NF_n
    return cj.Charges(vector={(s, "mu"): charge for s in nucleus.sources})


contact.parameters = [cj.Parameter("eps_contact", "a contact coupling", 0.0)]


class Contact(cj.Interaction):
    key, owns = "contact", ("eps_contact",)

    def __init__(self, power):
        super().__init__(power=power)

    def own_parameters(self):
        return contact.parameters

    def __call__(self, values, nucleus):
        return contact({"eps_contact": values["eps_contact"] ** self.power}, nucleus)


def folder(path):
    cj.experiments.write_template(path)
    return cj.experiments.load(path)


def csi_with(*interactions, **options):
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), *interactions], **options)


MODELS = {
    "csi-2017": csi_with,
    "in time": lambda: cj.Model(cj.experiments.csi_2017(statistic="time")),
    "csi-2021": lambda: cj.Model(cj.experiments.csi_2021()),
    "lar-2020": lambda: cj.Model(cj.experiments.lar_2020()),
    "joint": lambda: cj.Model(
        [cj.experiments.csi_2017(), cj.experiments.lar_2020()],
        [cj.StandardModel(couplings="tree"), cj.NSI("eps_uV_ee")],
        defaults={"sin2_theta_w": 0.23},
        name="both",
    ),
    "free pulls": lambda: csi_with(free_pulls=["alpha_sig_csi2017"]),
    "float32": lambda: csi_with(dtype="float32"),
    "options": lambda: csi_with(
        cj.MagneticMoment("mu_nu_e"), cj.LightVector("B-L", loop_sign=-1), cj.LightScalar()
    ),
    "function": lambda: csi_with(contact),
    "class": lambda: csi_with(Contact(2)),
    "analysis": lambda: analysis("papoulias2020"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Function from a kind of model to it, made once."""
    experiment = cache(lambda: folder(tmp_path_factory.mktemp("own") / "own"))
    kinds = {**MODELS, "folder": lambda: cj.Model(experiment())}
    return cache(lambda kind: kinds[kind]())


def same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


MAKE = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "oldest protocol": lambda m: pickle.loads(pickle.dumps(m, protocol=2)),
    "cloudpickle": lambda m: pickle.loads(cloudpickle.dumps(m)),
    "twice": lambda m: copy.deepcopy(pickle.loads(pickle.dumps(copy.copy(m)))),
}


QUICK = ("joint", "options", "class", "folder")
KINDS = [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in (*MODELS, "folder")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_gives_the_same_numbers(models, kind):
    model = models(kind)
    expected = worker.numbers(model)
    for make in (MAKE["deepcopy"], MAKE["pickle"]):
        other = make(model)
        same(worker.numbers(other), expected)
        assert other.name == model.name
        assert other.describe() == model.describe()
        # Equal structures are one: nothing is compiled again.
        if kind != "class":
            assert other.state.structure == model.state.structure


@pytest.mark.parametrize("how", MAKE)
def test_every_way_to_copy(models, how):
    model = models("joint")
    other = MAKE[how](model)
    same(worker.numbers(other), worker.numbers(model))
    same(worker.derivatives(other), worker.derivatives(model))
    assert list(other.experiments) == list(model.experiments)
    assert dict(other.parameters) == dict(model.parameters)
    assert other.interactions == model.interactions


@pytest.mark.parametrize(
    "kinds", [["joint", "folder"], pytest.param([*MODELS, "folder"], marks=pytest.mark.slow)]
)
def test_another_process(models, kinds):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=worker.switched_on) as pool:
        results = list(pool.map(worker.numbers, map(models, kinds)))
        assert pool.submit(models("joint").nll).result() == models("joint").nll()
    for kind, result in zip(kinds, results, strict=True):
        same(result, worker.numbers(models(kind)))


def test_a_process_without_float64_says_so(models):
    """The error reaches who waits for the process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(PrecisionError, match=r"call cevnsjax.enable_x64\(\) first"):
            pool.submit(worker.numbers, models("csi-2017")).result()
        same(
            pool.submit(worker.numbers, models("float32")).result(),
            worker.numbers(models("float32")),
        )


def test_a_pickle_read_before_float64_is_switched_on(models, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(models("csi-2017")))
    code = (
        "import pickle, cevnsjax as cj\n"
        "model = pickle.load(open('model.pkl', 'rb'))\n"
        "assert not hasattr(cj, 'no') and isinstance(model, cj.Model)\n"
        "cj.enable_x64()\nagain = pickle.loads(pickle.dumps(model))\n"
        "print(float(model.nll()).hex(), float(again.nll()).hex(), list(model.experiments))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    number = float(models("csi-2017").nll()).hex()
    assert done.stdout == f"{number} {number} ['csi-2017']\n"


def test_a_pickle_holds_nothing_compiled_and_no_templates():
    model = csi_with(cj.NSI("eps_dV_ee"))
    before = pickle.dumps(model)
    jax.block_until_ready(model.nll())
    model.template_grid({}, {"eps_dV_ee": np.linspace(-1, 1, 5)})
    assert model.state.templates
    assert len(pickle.dumps(model)) < 1.1 * len(before) < 300_000
    assert pickle.loads(pickle.dumps(model)).state.templates == {}


def test_a_copy_does_not_see_what_happens_to_the_counts(models):
    """The model compares with the counts it was made with; so do its copies."""
    e = cj.experiments.csi_2017()
    model = cj.Model(e)
    e.observed[3] += 100
    for make in (copy.deepcopy, MAKE["pickle"]):
        assert make(model).nll() == model.nll() == models("csi-2017").nll()


def test_tables_of_a_copy_are_as_frozen_as_its_own(models):
    table = cj.Spectrum([1.0, 2.0, 4.0], [0.0, 2.0, 1.0])
    for other in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert other == table
        with pytest.raises(ValueError, match="read-only"):
            other.densities[0] = 1.0
    with pytest.raises(AttributeError, match="frozen"):
        pickle.loads(pickle.dumps(cj.NSI("eps_uV_ee"))).epsilon = 1
    weights = pickle.loads(pickle.dumps(models("csi-2017"))).state.arrays[0].weights
    assert isinstance(weights, jax.Array)


def lambda_model():
    double = lambda values, nucleus: contact({"eps_contact": 2 * values["eps_contact"]}, nucleus)  # noqa: E731
    double.parameters = contact.parameters
    return csi_with(double)


def test_a_lambda_is_named_and_cloudpickle_takes_it():
    model = lambda_model()
    with pytest.raises(InputError) as problem:
        pickle.dumps(model)
    text = str(problem.value)
    assert "interaction lambda_model.<locals>.<lambda> (" in text
    assert "test_copies.py line" in text
    assert "cloudpickle" in text
    assert "\n" not in text
    with pytest.raises(InputError, match="<lambda>"):
        pickle.dumps(model.nll)
    others = [copy.deepcopy(model), pickle.loads(cloudpickle.dumps(model))]
    for other in others:
        same(worker.numbers(other), worker.numbers(model))


def test_a_lambda_in_an_experiment_is_named():
    e = cj.experiments.csi_2017()
    detector = replace(e.detector)
    object.__setattr__(detector, "note", lambda: None)
    with pytest.raises(InputError, match=r"experiment csi-2017 cannot be pickled \(.*lambda"):
        pickle.dumps(cj.Model(replace(e, detector=detector)))


def test_an_unknown_attribute_is_an_error_of_its_own(models):
    for model in (models("csi-2017"), copy.copy(models("csi-2017"))):
        with pytest.raises(AttributeError, match="Model has no attribute 'nothing'"):
            model.nothing  # noqa: B018


def test_results_pickle(models):
    model = models("csi-2017")
    fit = cj.fit(model, ["sin2_theta_w"])
    assert pickle.loads(pickle.dumps(fit)).values == fit.values
    toys = model.toy(seed=1, toys=3)
    other = pickle.loads(pickle.dumps(toys))
    np.testing.assert_array_equal(other.counts["csi-2017"], toys.counts["csi-2017"])


def test_other_arrays_were_not_observed(models):
    model = models("csi-2017")
    other = model.with_arrays(list(model.state.arrays), model.parameters)
    for each in (other, copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        with pytest.raises(InputError, match=r"csi-2017 is not what its counts were observed with"):
            each.nll()
        with pytest.raises(InputError, match=r"give data=\{'csi-2017': counts\}"):
            cj.fit(each, ["sin2_theta_w"])
        assert each.nll(data=model.observed_counts()) == model.nll()
        assert np.asarray(each.expected()["csi-2017"]).tobytes() == (
            np.asarray(model.expected()["csi-2017"]).tobytes()
        )

"""What a run computes, as plain data, and the differences that a message lists."""

import importlib.util
import sys
from dataclasses import dataclass, replace
from itertools import count
from types import SimpleNamespace

import pytest

import cevnsjax as cj
from cevnsjax.inference.runs.fingerprint import diff, fingerprint


def test_lists_are_compared_one_by_one():
    old, new = ([{"x": 1, "y": 2}, {"x": k}] for k in (3, 4))
    assert diff(old, new, "a") == ["a.1.x: 3 in the folder, 4 now"]


def test_a_model_describes_itself():
    model = cj.Model(cj.experiments.csi_2017(), name="csi")
    described = fingerprint(model)
    everything = {n: x for n, x in model.describe().items() if n != "software"}
    assert set(described) == set(everything)
    words = {line.partition(":")[0].rpartition(".")[2] for line in diff(described, everything)}
    assert words == {"meaning", "latex", "source", "title"}
    assert described["name"] == "csi"
    assert described["experiments"]["csi-2017"]["target"]["name"] == "CsI"
    other = fingerprint(cj.Model(cj.experiments.csi_2017(mass_kg=14.0), name="csi"))
    fields = {line.partition(":")[0] for line in diff(described, other)}
    assert fields == {"arrays", "experiments.csi-2017.mass_kg"}


@dataclass
class Parabola:
    """An objective that is not a ``Model``."""

    name: str
    fingerprint: float


def test_another_objective_says_what_its_numbers_depend_on():
    lines = diff(fingerprint(Parabola("p", 1.0)), fingerprint(Parabola("p", 2.0)))
    assert lines == ["fingerprint: 1.0 in the folder, 2.0 now"]


# --- words do not count, numbers do ---


def interaction(parameter, factor=2.0):
    def contact(values, nucleus):
        charge = factor * values["eps_contact"] * nucleus.NF_n
        return cj.Charges(vector={(s, "mu"): charge for s in nucleus.sources})

    contact.parameters = [parameter]
    return contact


PARAMETER = cj.Parameter("eps_contact", "a contact coupling", 0.0)


def model_with(parameter=PARAMETER, **options):
    return cj.Model(cj.experiments.csi_2017(), [interaction(parameter, **options)])


def test_a_reworded_meaning_is_the_same_run():
    before = fingerprint(model_with())
    words = {"meaning": "the same, in other words", "latex": r"\epsilon", "source": "a paper"}
    assert diff(before, fingerprint(model_with(replace(PARAMETER, **words)))) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"default": 0.1}, "parameters.eps_contact.default"),
        ({"bounds": (-1.0, 1.0)}, "parameters.eps_contact.bounds"),
        ({"scale": 0.5}, "parameters.eps_contact.scale"),
        ({"prior": cj.Normal(0.0, 1.0)}, "parameters.eps_contact.prior"),
    ],
)
def test_numbers_of_a_parameter_count(change, field):
    lines = diff(fingerprint(model_with()), fingerprint(model_with(replace(PARAMETER, **change))))
    assert len(lines) == 1
    assert lines[0].startswith(field)


def test_the_value_that_a_function_closes_over_counts():
    lines = diff(fingerprint(model_with()), fingerprint(model_with(factor=3.0)))
    assert any("closure.factor: 2.0 in the folder, 3.0 now" in line for line in lines)


def test_titles_and_sources_of_an_experiment_do_not_count():
    e = cj.experiments.csi_2017()
    pulls = tuple(replace(p, meaning="reworded") for p in e.pulls)
    reworded = replace(e, title="other words", source="another paper", pulls=pulls)
    assert diff(fingerprint(cj.Model(e)), fingerprint(cj.Model(reworded))) == []
    wider = replace(e, pulls=(replace(e.pulls[0], sd=0.3), *e.pulls[1:]))
    assert diff(fingerprint(cj.Model(e)), fingerprint(cj.Model(wider)))


# --- a function of a user in a file ---

FILE = '''
STEP = {step}


def helper(x):
    """{docstring}"""
    return {factor} * x


class Shape:
    power = {power}

    def __init__(self, k):
        self._k = k  # {comment}

    def parameters(self, targets):
        return ["{meaning}"]

    def __call__(self, x):
        return helper(x) ** self.power + STEP + self._k


def function(x):
    # {comment}
    return Shape(1)(x) + helper(x)
'''
WORDS = {"step": 1, "docstring": "a", "factor": 2, "power": 2, "comment": "b", "meaning": "c"}


@pytest.fixture
def from_file(tmp_path):
    """Function from words of the file to its function and an object of its class."""
    numbers = count()

    def made(k=1, **changes):
        path = tmp_path / f"users_{next(numbers)}.py"
        path.write_text(FILE.format(**{**WORDS, **changes}))
        spec = importlib.util.spec_from_file_location("users_module", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["users_module"] = module
        spec.loader.exec_module(module)
        return [module.function, module.Shape(k)]

    yield made
    sys.modules.pop("users_module", None)


def seen(things):
    """What a fingerprint keeps of them."""
    return fingerprint(SimpleNamespace(describe=lambda: {"interactions": things}))


@pytest.mark.parametrize("change", [{"docstring": "x"}, {"comment": "y"}, {"meaning": "z"}])
def test_words_in_a_users_file_do_not_count(from_file, change):
    assert diff(seen(from_file()), seen(from_file(**change))) == []


@pytest.mark.parametrize("change", [{"step": 2}, {"factor": 3}, {"power": 3}])
def test_constants_and_helpers_in_a_users_file_count(from_file, change):
    """In the function as in the object: both reach them."""
    lines = diff(seen(from_file()), seen(from_file(**change)))
    assert [line.partition(":")[0] for line in lines] == [
        "interactions.0.code",
        "interactions.1.class code",
    ]


def test_private_numbers_of_a_users_object_count(from_file):
    lines = diff(seen(from_file()), seen(from_file(k=2)))
    assert lines == ["interactions.1._k: 1 in the folder, 2 now"]

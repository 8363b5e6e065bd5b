"""What a run computes, as plain data, and the differences that a message lists."""

from dataclasses import dataclass

import cevnsjax as cj
from cevnsjax.inference.runs.fingerprint import diff, fingerprint


def test_lists_are_compared_one_by_one():
    old, new = ([{"x": 1, "y": 2}, {"x": k}] for k in (3, 4))
    assert diff(old, new, "a") == ["a.1.x: 3 in the folder, 4 now"]


def test_a_model_describes_itself():
    model = cj.Model(cj.experiments.csi_2017(), name="csi")
    described = fingerprint(model)
    assert described == {n: x for n, x in model.describe().items() if n != "software"}
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

"""Values as plain data: what differs is described differently, caches are left out."""

import json
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pytest

from cevnsjax.core.plain import digest, sha256_of, to_plain
from cevnsjax.inference.runs.fingerprint import diff


def power(n):
    return lambda x: x**n


@dataclass
class Thing:
    x: float
    f: object = None

    @cached_property
    def later(self):
        return self.x + 1


class Plain:
    def __init__(self, x):
        self.x, self._kept = x, {}

    @cached_property
    def later(self):
        return 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.0 + 2**-52),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(3), np.zeros(3, dtype=np.float32)),
        (power(2), power(3)),
        (lambda x: x + 1, lambda x: x + 2),
        (np.sin, np.cos),
        (partial(max, 1), partial(max, 2)),
        (Thing(1.0), Thing(2.0)),
        (Thing(1.0, power(2)), Thing(1.0, power(3))),
        (Plain(1), Plain(2)),
        (float("inf"), float("nan")),
        ([1, 2], [2, 1]),
        (int, float),
    ],
    ids=lambda _: "",
)
def test_what_differs_has_another_sum(one, other):
    assert digest({"a": to_plain(one)}) != digest({"a": to_plain(other)})
    assert diff(to_plain(one), to_plain(other), "a")


def test_caches_and_the_order_of_names_do_not_count():
    one, other = [Thing(1.0), Plain(2)], [Thing(1.0), Plain(2)]
    assert [x.later for x in one] == [2.0, 1]
    one[1]._kept["a"] = 1
    assert to_plain(one) == to_plain(other)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert to_plain({2, 1}) == to_plain({1, 2})


def scaled(x, by=2.0):
    return by * x


def test_a_function_is_described_by_its_name_and_source_text():
    source = "def scaled(x, by=2.0):\n    return by * x\n"
    described = to_plain(scaled)
    assert described["function"].endswith(".scaled")
    assert described["source"] == sha256_of(source)
    assert described["defaults"] == [2.0]
    assert to_plain(power(2))["closure"] == {"n": 2}
    # The version of cevnsjax stands for its own source text.
    assert "source" not in to_plain(to_plain)
    assert "class" not in to_plain(len)
    assert to_plain(len)["source"] == "source text not available"
    assert json.dumps(described)

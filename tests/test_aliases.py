"""Other spellings of keyword arguments."""

import pytest

from cevnsjax.core.aliases import accepts_aliases
from cevnsjax.core.errors import InputError


@accepts_aliases(color="colour")
def paint(wall, *, colour="white"):
    """Paint a wall."""
    return f"{wall} in {colour}"


def test_both_spellings_are_one_argument():
    assert paint("wall", color="red") == paint("wall", colour="red") == "wall in red"
    assert paint("wall") == "wall in white"
    assert paint.__doc__ == "Paint a wall."


def test_both_at_once_are_refused():
    with pytest.raises(InputError, match="color and colour are one argument; give colour alone"):
        paint("wall", color="red", colour="red")


def test_other_names_are_refused_as_ever():
    with pytest.raises(TypeError, match="unexpected keyword"):
        paint("wall", shade="red")

r"""Text in figures: formulas are written between dollar signs, other dollar signs are printed."""

from matplotlib.cbook import is_math_text
from matplotlib.mathtext import MathTextParser


def plain(text: str) -> str:
    """Text from a file or a command line, in which a dollar sign is no more than that."""
    return text.replace("$", r"\$")


def drawable(text: str) -> str:
    """Text that may hold formulas; a line with a formula that cannot be read is printed as is."""
    return "\n".join(map(_line, text.split("\n"))) if "$" in text else text


def _line(text: str) -> str:
    if not is_math_text(text):
        return text
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return plain(text)
    return text

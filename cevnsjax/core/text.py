"""Text from files and command lines made fit for a terminal's line and for a message."""

from collections.abc import Sequence

_LONGEST = 60


def printable(text: str) -> str:
    r"""Text without control characters, which could hide or repaint what a terminal shows.

    Line breaks stay; other characters that cannot be printed become escapes such as ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """A text for a message, with dots in the place of what is too long [character]."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines whose columns are aligned on the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def of_value(value: object) -> str:
    """A value for one line of a message, shortened; whole numbers of any length too."""
    try:
        return shortened(" ".join(repr(value).split()))
    except ValueError:
        # Python writes no whole number of more than 4300 digits.
        return "a number of thousands of digits"


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")

"""Pages of the documentation and the blocks of code in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_BUILT = ("_build", "notebooks")
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).parts[0] not in _BUILT
}
_BLOCK = re.compile(r"(?:<!-- (slow|not run)[^>]*-->\s*)?```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page, language="python"):
    """(mark, code) of a page's blocks in a language."""
    return [(mark, code) for mark, kind, code in _BLOCK.findall(PAGES[page]) if kind == language]


def half_digit(printed):
    """Half a unit of the last printed digit of a number."""
    mantissa, _, exponent = printed.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5000001 * 10.0 ** (int(exponent or 0) - decimals)

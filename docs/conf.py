"""Sphinx configuration: ``sphinx-build -W --keep-going -b html docs OUT``."""

import shutil
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

import cevnsjax

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "cevnsjax"
author = "The cevnsjax developers"
project_copyright = author
release = version = cevnsjax.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "sphinx_book_theme"
html_title = f"cevnsjax {version}"
html_theme_options = {"show_navbar_depth": 1, "show_toc_level": 2, "navbar_persistent": []}

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"

autodoc_default_options = {"no-value": True}
autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Types of attributes would bring the asterisks of shapes into the text.
napoleon_attr_annotations = False


def copied_notebooks() -> None:
    """Bring the stored notebooks into the source; the copies are not under version control."""
    folder = DOCS / "notebooks"
    folder.mkdir(exist_ok=True)
    stored = {path.name: path for path in (ROOT / "notebooks").glob("*.ipynb")}
    for copy in folder.glob("*.ipynb"):
        if copy.name not in stored:
            copy.unlink()
    for name, path in stored.items():
        copy = folder / name
        # An unchanged copy keeps its time, so that it is not read again.
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            shutil.copyfile(path, copy)


SHORT = {"Float[jaxlib._jax.Array, '...']": "Reals", "<factory>": "..."}
PLAIN = ("attribute", "data", "property")


def before(app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Make a field of ``Returns:``: types stand in signatures, and text before a colon is none."""
    if what in PLAIN:
        app.lines_of_attribute = list(lines)
    lines[:] = [line for line in lines if not line.startswith("Create new instance of ")]
    if "Returns:" not in lines:
        return
    start = lines.index("Returns:")
    end = start + 1
    while end < len(lines) and (not lines[end] or lines[end].startswith(" ")):
        end += 1
    text = " ".join(line.strip() for line in lines[start + 1 : end] if line)
    lines[start:end] = [f":returns: {text}", ""]


def after(app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Give attributes their text back: napoleon takes what precedes a colon for a type."""
    if what in PLAIN:
        lines[:] = app.lines_of_attribute


def short(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, text: Any, out: Any) -> Any:
    """Show arrays in signatures by the names that ``cevnsjax.core.types`` gives them."""
    for long, name in SHORT.items():
        text, out = (part.replace(long, name) if part else part for part in (text, out))
    return text, out


def no_aliases(_app: Any, _what: str, _name: str, obj: Any, skip: bool, _options: Any) -> bool:
    """Leave out the fields of named tuples as members; their class tells what they are."""
    return skip or (getattr(obj, "__doc__", None) or "").startswith("Alias for field number")


def setup(app: Any) -> None:
    """Copy the notebooks, and read docstrings before and after napoleon."""
    copied_notebooks()
    app.add_lexer("csv", TextLexer)
    app.connect("autodoc-skip-member", no_aliases)
    app.connect("autodoc-process-signature", short)
    app.connect("autodoc-process-docstring", before, priority=400)
    app.connect("autodoc-process-docstring", after, priority=600)

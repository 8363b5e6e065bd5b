"""The sections as people read them: tables for the documentation, and a commented file."""

from collections.abc import Mapping
from typing import Any

from cevnsjax.experiments.folders.forms import literal
from cevnsjax.experiments.folders.schema import REQUIRED, Key, Section
from cevnsjax.experiments.folders.sections import SECTIONS

_WIDTH = 99


def reference() -> str:
    """Tables of all keys, in Markdown, as the documentation has them."""
    lines = []
    for section in SECTIONS.values():
        title = f"`{section.head}`" if section.name else "Above all sections"
        lines += [f"**{title}** {section.meaning}", "", "| key | meaning | unit | if left out |"]
        lines.append("|---|---|---|---|")
        for kind, keys in section.kinds.items():
            lines.append(f'| `kind = "{kind}"` | | | |')
            lines += [_row(key) for key in keys]
        if section.kinds and section.keys:
            lines.append("| *every kind* | | | |")
        lines += [*(_row(key) for key in section.keys), ""]
    return "\n".join(lines)


def _row(key: Key) -> str:
    meaning = key.meaning
    if key.choices:
        meaning += f": {', '.join(key.choices)}"
    if key.columns:
        meaning += f"; columns {', '.join(f'`{c}`' for c in key.columns)}"
    left_out = "-" if key.default in (None, ()) else literal(key.default)
    if key.default is REQUIRED:
        left_out = "required"
    return f"| `{key.name}` | {meaning} | {key.unit} | {left_out} |"


def render(values: Mapping[str, Any]) -> str:
    """A commented experiment file; optional keys without a value appear as comments."""
    blocks = []
    for section in SECTIONS.values():
        written = values.get(section.name, [])
        for i, one in enumerate(written if isinstance(written, list) else [written]):
            blocks.append("\n".join(_again(section, one) if i else _block(section, one)))
    return "\n\n".join(blocks) + "\n"


def _again(section: Section, values: Mapping[str, object]) -> list[str]:
    """A repeated section, without the comments of its first time."""
    return [section.head, *(f"{name} = {literal(value)}" for name, value in values.items())]


def _block(section: Section, values: Mapping[str, object]) -> list[str]:
    lines = [f"# {section.meaning}", section.head] if section.name else []
    kind = str(values.get("kind", "")) if section.kinds else ""
    if kind:
        others = " | ".join(k for k in section.kinds if k != kind)
        lines.append(f'kind = "{kind}" # or {others}')
    for key in section.keys_of(kind):
        line = (
            f"{key.name} = {literal(values[key.name])}" if key.name in values else f"# {key.sample}"
        )
        note = f"# {_note(key)}"
        lines += [f"{line} {note}"] if len(line) + len(note) < _WIDTH else [note, line]
    return lines


def _note(key: Key) -> str:
    notes = [key.meaning + (f" [{key.unit}]" if key.unit else "")]
    if key.choices:
        notes.append("one of " + ", ".join(key.choices))
    if key.columns:
        notes.append("columns " + ", ".join(key.columns))
    return "; ".join(notes)

"""What keys and sections of an experiment file are.

One description of a key serves the reader, its messages, the template and the documentation.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cevnsjax.core.errors import CevnsjaxError, DataError, InputError, UnknownNameError
from cevnsjax.experiments.folders.forms import (
    FORMS,
    MOST_ENTRIES,
    RULES,
    beyond,
    literal,
    shown,
    too_many,
)

REQUIRED: Any = object()
"""Default of a key that must be given."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file of the folder, with the columns it must have."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """One key of a section.

    Attributes:
        name: Name, which ends in the unit where the value has one.
        meaning: One line for template and documentation.
        unit: Unit of the value, or "".
        form: Form of the value, a key of ``FORMS``.
        default: Value if the key is left out; ``REQUIRED`` if it must be written.
        rule: What else must hold, a key of ``RULES``.
        choices: The only allowed values; empty if all are.
        example: An allowed value, for messages and the template.
        columns: Columns that the CSV file must have, if the value names one.
    """

    name: str
    meaning: str
    unit: str = ""
    form: str = "number"
    default: Any = REQUIRED
    rule: str = ""
    choices: tuple[str, ...] = ()
    example: object = None
    columns: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """A correct line, in TOML."""
        first = self.choices[0] if self.choices else None
        value = self.default if self.default not in (REQUIRED, None) else first
        return f"{self.name} = {literal(value if self.example is None else self.example)}"

    def read(self, where: str, value: Any) -> Any:
        """The value, checked: floats for numbers, a ``CsvFile`` for a file."""
        if too_many(value):
            raise InputError(f"{where} {self.name} has {len(value)} entries; limit {MOST_ENTRIES}")
        wanted, fits = FORMS[self.form]
        if not fits(value):
            raise InputError(
                f"{where} {self.name} must be {wanted}{beyond(value)}, got {shown(value)}; "
                f"write e.g. {self.sample}"
            )
        if self.choices and value not in self.choices:
            raise unknown(where, self.name, value, self.choices)
        if self.rule and not RULES[self.rule](value):
            raise InputError(f"{where} {self.name} must be {self.rule}, got {shown(value)}")
        if self.form == "file":
            return CsvFile(value, self.columns)
        return float(value) if self.form in ("number", "width") else value


positive = partial(Key, rule="> 0")
text = partial(Key, form="text")
csv_file = partial(Key, "file", form="file")


@dataclass(frozen=True, eq=False)
class Section:
    """One section of the file.

    Attributes:
        name: Name of the section, "" for the keys above all sections.
        meaning: One line for template and documentation.
        keys: Keys that the section always has.
        kinds: Further keys by the value of the key ``kind``; empty without such a key.
        required: Whether a file must have the section.
        repeated: Whether the section is written in double brackets, any number of times.
    """

    name: str
    meaning: str
    keys: tuple[Key, ...] = ()
    kinds: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    required: bool = True
    repeated: bool = False

    @property
    def head(self) -> str:
        """The section as written in the file."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"

    @property
    def sample(self) -> str:
        """A correct first line, in TOML."""
        return f'kind = "{next(iter(self.kinds))}"' if self.kinds else self.keys[0].sample

    def keys_of(self, kind: str | None) -> tuple[Key, ...]:
        """All keys of one kind, ``kind`` itself left out."""
        return (*(self.kinds[kind] if kind else ()), *self.keys)

    def read(self, file: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of all keys, defaults filled in."""
        where = f"{file}: {self.head}" if self.name else f"{file}:"
        kind = self._kind(where, values)
        keys = self.keys_of(kind)
        names = [k.name for k in keys] + ["kind"] * bool(self.kinds)
        for name in values:
            if name not in names:
                raise self._misplaced(where, name, kind, names)
        checked = {"kind": kind} if kind else {}
        for key in keys:
            if key.name in values:
                checked[key.name] = key.read(where, values[key.name])
            elif key.default is REQUIRED:
                raise InputError(f"{where} {key.name} is missing; write e.g. {key.sample}")
            else:
                checked[key.name] = key.default
        return checked

    def _kind(self, where: str, values: Mapping[str, Any]) -> str | None:
        if not self.kinds:
            return None
        if "kind" not in values:
            offered = ", ".join(self.kinds)
            raise InputError(
                f"{where} kind is missing; write e.g. {self.sample} (known: {offered})"
            )
        if not isinstance(values["kind"], str) or values["kind"] not in self.kinds:
            raise unknown(where, "kind", values["kind"], self.kinds)
        return values["kind"]

    def _misplaced(self, where: str, name: str, kind: str | None, names: list[str]) -> InputError:
        homes = [k for k, keys in self.kinds.items() if name in {key.name for key in keys}]
        if homes:
            return InputError(
                f'{where} {name} belongs to kind = "{homes[0]}", not to "{kind}"; remove it or '
                "change the kind"
            )
        longer = [k for k in names if name and k.startswith(f"{name}_")]
        hint = f"(a unit is part of a key: {longer[0]})" if longer else ""
        return unknown(where, "key", name, names, hint)


def read_sections(
    sections: Mapping[str, Section], content: Mapping[str, Any], file: str
) -> dict[str, Any]:
    """Checked values of a whole file: {section: values}, a list where repeated, None if absent.

    The keys above all sections are the section "".
    """
    top = {k.name for k in sections[""].keys}
    for name in content:
        if name not in top and name not in sections:
            raise unknown(f"{file}:", "section or key", name, [*top, *filter(None, sections)])
    checked: dict[str, Any] = {
        "": sections[""].read(file, {k: v for k, v in content.items() if k in top})
    }
    for name, section in sections.items():
        if not name:
            continue
        values = content.get(name)
        if values is None and section.required:
            raise InputError(
                f"{file}: section {section.head} is missing; write it, with e.g. {section.sample}"
            )
        many = isinstance(values, list) and all(isinstance(one, dict) for one in values)
        if values is None:
            checked[name] = [] if section.repeated else None
        elif not (many if section.repeated else isinstance(values, Mapping)):
            raise InputError(f"{file}: {name} must be a section; write {section.head} above it")
        elif section.repeated:
            checked[name] = [section.read(file, one) for one in values]
        else:
            checked[name] = section.read(file, dict(values))
    return checked


def unknown(
    where: str, what: str, name: object, known: Iterable[str], hint: str = ""
) -> InputError:
    """The error for a name that is not known at a place, with the nearest known ones."""
    return InputError(f"{where} {UnknownNameError(what, name, known, hint)}")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put file and section in front of the message of an error about bad input."""
    try:
        yield
    except DataError:
        raise
    except CevnsjaxError as problem:
        raise InputError(f"{where} {problem}") from None

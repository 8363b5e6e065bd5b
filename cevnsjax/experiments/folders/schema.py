"""Keys and sections of an experiment file.

One description of a key serves the reader, its messages, the template and the documentation.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cevnsjax.core.errors import CevnsjaxError, DataError, InputError, UnknownNameError
from cevnsjax.experiments.folders.forms import FORMS, RULES, literal, shown

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
        name: Its name, which carries the unit where it has one.
        form: What it is, a key of ``FORMS``.
        meaning: One line for template and documentation.
        unit: Its unit, "" for none.
        default: Value if left out; ``REQUIRED`` if it must be given, None for nothing.
        rule: What else must hold, a key of ``RULES``.
        choices: The only allowed values; empty for any.
        example: A value that would do, for messages and the template.
        columns: Columns that the CSV file it names must have.
    """

    name: str
    form: str
    meaning: str
    unit: str = ""
    default: Any = REQUIRED
    rule: str = ""
    choices: tuple[str, ...] = ()
    example: object = None
    columns: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """A line that would do, in TOML."""
        first = self.choices[0] if self.choices else None
        given = self.default if self.default not in (REQUIRED, None) else first
        return f"{self.name} = {literal(given if self.example is None else self.example)}"

    def read(self, where: str, given: Any) -> Any:
        """The value, checked: floats for numbers, a ``CsvFile`` for a file.

        Args:
            where: File and section, for messages.
            given: What the file holds.

        Raises:
            InputError: Naming file, key, value and remedy.
        """
        wanted, fits = FORMS[self.form]
        if not fits(given):
            raise InputError(
                f"{where} {self.name} must be {wanted}, got {shown(given)}; write e.g. "
                f"{self.sample}"
            )
        if self.choices and given not in self.choices:
            raise unknown(where, self.name, given, self.choices)
        if self.rule and not RULES[self.rule](given):
            raise InputError(f"{where} {self.name} must be {self.rule}, got {shown(given)}")
        if self.form == "file":
            return CsvFile(given, self.columns)
        return float(given) if self.form in ("number", "width") else given


@dataclass(frozen=True, eq=False)
class Section:
    """One section of the file.

    Attributes:
        name: Its name, "" for the keys above all sections.
        meaning: One line for template and documentation.
        keys: Keys it always has.
        kinds: Further keys by the value of its key ``kind``; empty if it has no kinds.
        required: Whether it must be there.
        repeated: Whether it is written in double brackets, any number of times.
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
        """Its first line, in TOML."""
        return f'kind = "{next(iter(self.kinds))}"' if self.kinds else self.keys[0].sample

    def keys_of(self, kind: str | None) -> tuple[Key, ...]:
        """All keys of one kind, ``kind`` itself left out."""
        return (*(self.kinds[kind] if kind else ()), *self.keys)

    def read(self, file: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of all keys, defaults filled in.

        Args:
            file: Name of the file, for messages.
            given: What the file holds.

        Raises:
            InputError: At an unknown, missing or wrong key.
        """
        where = f"{file}: {self.head}" if self.name else f"{file}:"
        kind = self._kind(where, given)
        keys = self.keys_of(kind)
        known = [k.name for k in keys] + ["kind"] * bool(self.kinds)
        for name in given:
            if name not in known:
                raise self._misplaced(where, name, kind, known)
        out = {"kind": kind} if kind else {}
        for key in keys:
            if key.name in given:
                out[key.name] = key.read(where, given[key.name])
            elif key.default is REQUIRED:
                raise InputError(f"{where} {key.name} is missing; write e.g. {key.sample}")
            else:
                out[key.name] = key.default
        return out

    def _kind(self, where: str, given: Mapping[str, Any]) -> str | None:
        if not self.kinds:
            return None
        if "kind" not in given:
            offered = ", ".join(self.kinds)
            raise InputError(
                f"{where} kind is missing; write e.g. {self.sample} (known: {offered})"
            )
        if not isinstance(given["kind"], str) or given["kind"] not in self.kinds:
            raise unknown(where, "kind", given["kind"], self.kinds)
        return given["kind"]

    def _misplaced(self, where: str, name: str, kind: str | None, known: list[str]) -> InputError:
        homes = [k for k, keys in self.kinds.items() if name in {key.name for key in keys}]
        if homes:
            return InputError(
                f'{where} {name} belongs to kind = "{homes[0]}", not to "{kind}"; remove it or '
                "change the kind"
            )
        longer = [k for k in known if name and k.startswith(f"{name}_")]
        hint = f"(a unit is part of a key: {longer[0]})" if longer else ""
        return unknown(where, "key", name, known, hint)


def read_sections(
    sections: Mapping[str, Section], content: Mapping[str, Any], file: str
) -> dict[str, Any]:
    """Checked values of a whole file: {section: values}, a list where repeated, None if absent.

    Args:
        sections: What there can be, by name; "" holds the keys above all sections.
        content: The file as parsed.
        file: Its name, for messages.

    Raises:
        InputError: Naming file, section, key, value and remedy.
    """
    top = {k.name for k in sections[""].keys}
    for name in content:
        if name not in top and name not in sections:
            raise unknown(f"{file}:", "section or key", name, [*top, *filter(None, sections)])
    out: dict[str, Any] = {
        "": sections[""].read(file, {k: v for k, v in content.items() if k in top})
    }
    for name, section in sections.items():
        if not name:
            continue
        given = content.get(name)
        if given is None and section.required:
            raise InputError(
                f"{file}: section {section.head} is missing; write it, with e.g. {section.sample}"
            )
        many = isinstance(given, list) and all(isinstance(one, dict) for one in given)
        if given is None:
            out[name] = [] if section.repeated else None
        elif not (many if section.repeated else isinstance(given, Mapping)):
            raise InputError(f"{file}: {name} must be a section; write {section.head} above it")
        elif section.repeated:
            out[name] = [section.read(file, one) for one in given]
        else:
            out[name] = section.read(file, dict(given))
    return out


def unknown(
    where: str, what: str, name: object, known: Iterable[str], hint: str = ""
) -> InputError:
    """The error for a name that is not known at a place, with the nearest known ones."""
    return InputError(f"{where} {UnknownNameError(what, name, known, hint)}")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put file and section in front of whatever a piece of the experiment complains about."""
    try:
        yield
    except DataError:
        raise
    except CevnsjaxError as problem:
        raise InputError(f"{where} {problem}") from None

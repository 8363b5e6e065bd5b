"""Mutations of experiment folders, of options and of command lines, by chance."""

import inspect
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from support.fuzz_pools import COMMANDS, FIELDS, OPTIONS, SETTINGS, VALUES, WORDS


class Folders:
    """Mutated copies of experiment folders."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def words(self) -> list[str]:
        """Write a mutated folder into the current one, and words that use it."""
        chance = self.chance
        folder = Path("mutant")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(chance.choice(sorted(Path("bases").iterdir())), folder)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            self._mutate(folder)
        command = chance.choices(("predict", "show", "fit"), (6, 3, 1))[0]
        figure = ["--plot", "mutant.svg", "--overwrite"]
        return [command, "./mutant", *figure * (command != "show" and chance.random() < 0.05)]

    def _mutate(self, folder: Path) -> None:
        path = self.chance.choice([p for p in sorted(folder.iterdir()) if p.is_file()] or [folder])
        if path == folder:
            return
        if self.chance.random() < 0.04:
            self._replace(path)
            return
        raw = path.read_bytes()
        kinds = [self._scaled, self._bytes, self._lines, self._truncated, self._encoded]
        mend = self.chance.choices(
            [self._value if path.suffix == ".toml" else self._field, *kinds],
            [10, 6, 2, 3, 1, 1],
        )[0]
        path.write_bytes(mend(raw))

    def _replace(self, path: Path) -> None:
        path.unlink()
        kind = self.chance.randrange(6)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            path.symlink_to(path.name)
        elif kind == 2:
            os.mkfifo(path)
        elif kind == 3:
            path.symlink_to(self.chance.choice(("/dev/zero", "/dev/null", "/etc/hosts")))
        elif kind == 4:
            path.touch()

    def _value(self, raw: bytes) -> bytes:
        """One value of the description replaced, or its key renamed."""
        lines = raw.split(b"\n")
        places = [i for i, line in enumerate(lines) if re.match(rb"(# )?\w+ = ", line)]
        if not places:
            return raw
        i = self.chance.choice(places)
        # Optional keys are comments.
        key, _, _ = lines[i].removeprefix(b"# ").partition(b" = ")
        if self.chance.random() < 0.1:
            lines[i] = lines[i].removeprefix(b"# ").replace(key, key + b"x", 1)
        elif self.chance.random() < 0.1:
            lines[i] = lines[i].removeprefix(b"# ")
        else:
            lines[i] = key + b" = " + self.chance.choice(VALUES).encode()
        return b"\n".join(lines)

    def _field(self, raw: bytes) -> bytes:
        lines = raw.split(b"\n")
        i = self.chance.randrange(len(lines))
        fields = lines[i].split(b",")
        fields[self.chance.randrange(len(fields))] = self.chance.choice(FIELDS).encode()
        lines[i] = b",".join(fields)
        return b"\n".join(lines)

    def _scaled(self, raw: bytes) -> bytes:
        """One number larger or smaller, so that the folder may well be valid."""
        numbers = list(re.finditer(rb"(?<![\w.])\d+(\.\d+)?(e[+-]?\d+)?(?![\w.])", raw))
        if not numbers:
            return raw
        hit = self.chance.choice(numbers)
        power = self.chance.choice((-20, -8, -3, -1, -0.3, 0.3, 1, 3, 8, 20))
        new = self.chance.choice((1, 1, 1, -1)) * float(hit[0]) * 10**power
        return raw[: hit.start()] + f"{new:.6g}".encode() + raw[hit.end() :]

    def _bytes(self, raw: bytes) -> bytes:
        out = bytearray(raw)
        for _ in range(self.chance.choice((1, 2, 8))):
            place = self.chance.randrange(len(out) + 1)
            out[place : place + self.chance.randrange(2)] = self.chance.choice(
                (b"\x00", b"\xff", b"=", b"[", b'"', b"\n", b",", b"-", b"9", b"e", b"\xef\xbb\xbf")
            )
        return bytes(out)

    def _lines(self, raw: bytes) -> bytes:
        lines = raw.split(b"\n")
        i, j = self.chance.randrange(len(lines)), self.chance.randrange(len(lines))
        kind = self.chance.randrange(3)
        if kind == 0:
            del lines[i]
        elif kind == 1:
            lines.insert(j, lines[i])
        else:
            lines[i], lines[j] = lines[j], lines[i]
        return b"\n".join(lines)

    def _truncated(self, raw: bytes) -> bytes:
        return raw[: self.chance.randrange(len(raw) + 1)]

    def _encoded(self, raw: bytes) -> bytes:
        encoding = self.chance.choice(("utf-16", "utf-16-le", "utf-8-sig", "cp037"))
        return raw.decode("utf-8", "replace").encode(encoding, "replace")


class Settings:
    """Every option of every experiment and theory, with every kind of value."""

    def __init__(self, chance: random.Random) -> None:
        from cevnsjax.cli.experiment_words import builder_of
        from cevnsjax.interactions.owners import OWNERS
        from cevnsjax.interactions.standard_model import StandardModel

        self.chance = chance
        releases = ("csi-2017", "csi-2021", "lar-2020")
        self.names = [(e, n) for e in releases for n in _arguments(builder_of(e))]
        self.names += [("csi-2017", name) for name in _arguments(StandardModel)]
        for key, owner in OWNERS.items():
            self.names += [("csi-2017", f"{key}.{name}") for name in _arguments(owner)]
            self.names.append(("csi-2017", key))

    def words(self) -> list[str]:
        """The words of a command line with one option."""
        experiment, name = self.chance.choice(self.names)
        inside = self.chance.choice(("", "", "", ".a", ".sig", ".sig.sd"))
        return ["predict", experiment, "--set", f"{name}{inside}={self.chance.choice(SETTINGS)}"]


def _arguments(function: Callable[..., object]) -> list[str]:
    return [p.name for p in inspect.signature(function).parameters.values()
            if p.kind is not p.VAR_POSITIONAL]  # fmt: skip


class Lines:
    """Mutated command lines."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def words(self) -> list[str]:
        """The words of a command line."""
        chance = self.chance
        words = chance.choice(COMMANDS).split()
        for _ in range(chance.choice((1, 1, 2, 3))):
            place = chance.randrange(len(words) + 1)
            kind = chance.choices(range(5), (1, 1, 4, 2, 2))[0]
            if kind == 0:
                words.insert(place, chance.choice(WORDS))
            elif kind == 1 and len(words) > 1:
                words.pop(min(place, len(words) - 1))
            elif kind in (2, 3) and words[:1] not in (["predict"], ["fit"], ["scan"], ["fisher"]):
                words.insert(place, chance.choice(WORDS))
            elif kind == 2:
                words += chance.choice(OPTIONS).split()
            elif kind == 3:
                words += chance.choice(("--set", "--fix", "--free")), chance.choice(WORDS)
            else:
                place = min(max(place, 1), len(words) - 1)
                words[place] = self._changed(words[place])
        return [word.replace("\x00", "") for word in words]

    def _changed(self, word: str) -> str:
        name, sign, _ = word.partition("=")
        if self.chance.random() < 0.5 or not word:
            return name + sign + self.chance.choice(WORDS) if sign else self.chance.choice(WORDS)
        place = self.chance.randrange(len(word))
        return word[:place] + self.chance.choice(("", "-", "=", "9", "x", ":")) + word[place + 1 :]

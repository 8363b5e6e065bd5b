"""Files of the user's that are read: ordinary ones of a bearable size, in UTF-8, BOM or not.

Whatever is wrong with a path or a file becomes a DataError of one line.
"""

import codecs
import stat
import tomllib
from pathlib import Path
from typing import Any, Literal

from cevnsjax.core.errors import DataError
from cevnsjax.core.text import shortened

_MOST_BYTES = 64 * 2**20
"""Size of a text file above which it is not what was meant [byte]."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def exists(path: Path, kind: Literal["file", "folder"] | None = None) -> bool:
    """Whether there is something at a path, or a file or folder; links are followed.

    Raises:
        DataError: If the path cannot be looked at: no right to, too long, a loop of links.
    """
    mode = _mode(path)
    if mode is None or kind is None:
        return mode is not None
    return stat.S_ISDIR(mode) if kind == "folder" else stat.S_ISREG(mode)


def require_file(path: Path) -> None:
    """Refuse what is not an ordinary file: nothing, a folder, a pipe, a device.

    Raises:
        DataError: As the name says.
    """
    mode = _mode(path)
    if mode is None:
        raise DataError(f"{path} cannot be read: there is no such file; correct the name")
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        raise DataError(f"{path} is {kind}; give an ordinary file")


def read_text(path: Path) -> str:
    r"""The text of an ordinary file in UTF-8, without byte-order mark, with \n as line ends.

    Bytes that are not UTF-8, as old spreadsheets write them into comments, become surrogates.

    Raises:
        DataError: No such file, no right to read it, a folder, pipe or device, more than 64 MiB,
            UTF-16.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror}; check its rights") from None
    if len(content) > _MOST_BYTES:
        raise DataError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; give a smaller file")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise DataError(f"{path} is in UTF-16 or binary, not in UTF-8; save it as UTF-8")
    text = content.decode("utf-8-sig", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        DataError: As ``read_text``, and if the text is not valid TOML in UTF-8.
    """
    try:
        return tomllib.loads(_strict(read_text(path)))
    except RecursionError:
        why = "it is nested too deeply"
    # Also a ValueError of Python's own, at a whole number of more than 4300 digits.
    except ValueError as problem:
        why = shortened(str(problem), 200)
    raise DataError(f"{path} is not valid TOML: {why}; correct it")


def _strict(text: str) -> str:
    """The text, if all of it was UTF-8."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.isascii() and any("\udc80" <= c <= "\udcff" for c in line):
            raise ValueError(f"line {number} is not in UTF-8")
    return text


def _mode(path: Path) -> int | None:
    """Type and rights of what a path names; None if there is nothing."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        name = shortened(str(path), 200)
        raise DataError(f"{name} cannot be read: {problem.strerror}; give another path") from None
    except ValueError:
        raise DataError(f"{str(path)!r} is not a path; leave the character NUL away") from None

"""Options that several commands have, and groups of options as one parameter of a command.

A command is a function of ready objects, such as a ``Request`` and a ``Sink``, and of the words
that only this command has. ``with_options`` turns it into the function that typer reads.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperCommand

Words = Sequence[str]
"""The words of an option that can be repeated."""
MAX_JSON_NUMBERS = 1_000_000
"""Numbers that JSON may hold; larger results go to netCDF."""
Free = Annotated[Words, "Parameter to fit; repeatable."]
ProfiledOver = Annotated[Words, "Parameter to profile over; repeatable."]
Truth = Annotated[Words, "True value: name=value; repeatable."]
Levels = Annotated[Sequence[float], "Confidence level, e.g. 0.90; repeatable."]
Side = Annotated[str, "both, or upper or lower for a one-sided limit."]
Seed = Annotated[int, "Seed of the random numbers."]
Auxiliary = Annotated[bool, "Draw the auxiliary measurements of nuisances too."]
Plot = Annotated[Path | None, "Write a figure (.png, .pdf, .svg)."]
Overwrite = Annotated[bool, "Replace existing files."]
AsJson = Annotated[bool, "One JSON object on stdout."]


# Options whose name is not that of the parameter, which may be a word of Python's own.
_NAMES = {"as_json": "json", "settings": "set", "everything": "all", "listing": "list"}


class Interrupted(Exception):
    """A command was interrupted by Ctrl-C; its arguments say what is kept."""


class OnceOnly(TyperCommand):
    """A command that refuses an option given twice, unless it is repeatable or a switch."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; click takes the last of several values without a word."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in order:
            is_single = not option.multiple and not getattr(option, "is_flag", False)
            if is_single and option.nargs == 1 and order.count(option) > 1:
                ctx.fail(f"{option.opts[0]} is given twice; give it once.")
        return super().parse_args(ctx, args)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it: a function of words alone, with its name and help text.

    A keyword is an option of that name; its annotation is Annotated[type, help text]. A dataclass
    is a group and stands for its fields.
    """
    parameters = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {
        p.name: p.annotation for p in parameters if is_dataclass(p.annotation)
    }
    options = [option for p in parameters for option in _options(p)]

    def call(**values: object) -> None:
        ready = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        try:
            command(**ready, **values)
        except KeyboardInterrupt as problem:
            # Typer would make an exit status of it and lose what is kept.
            raise Interrupted(*getattr(problem, "__notes__", ())) from None

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__annotations__ = {option.name: option.annotation for option in options}
    call.__signature__ = inspect.Signature(options)  # pyright: ignore[reportFunctionMemberAccess]
    return call


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """A parameter of a command as options: itself, or the fields of its group."""
    kind = parameter.annotation
    if is_dataclass(kind):
        for field in fields(kind):
            yield _option(field.name, field.type, field.default, positional=not field.kw_only)
    else:
        positional = parameter.kind is not parameter.KEYWORD_ONLY
        yield _option(parameter.name, kind, parameter.default, positional=positional)


def _option(
    name: str, annotation: object, default: object, *, positional: bool
) -> inspect.Parameter:
    """A parameter as typer reads it, from one whose annotation holds its help text."""
    kind, text = get_args(annotation)
    if get_origin(kind) is Sequence:
        # Typer knows repeated options as lists alone.
        kind = list[get_args(kind)]
    word = _NAMES.get(name, name).replace("_", "-")
    switch = f"--{word}/--no-{word}" if default is True else f"--{word}"
    option = typer.Option(switch, help=text)
    about = typer.Argument(help=text, show_default=False) if positional else option
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about]
    )

"""Options that several commands have, and groups of options as one parameter of a command.

A command is a function of ready objects, such as a ``Request`` and a ``Sink``. ``with_options``
turns it into the function that typer reads, with one parameter for each option.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

Words = Sequence[str]
"""The words of an option that can be repeated."""
MAX_JSON_NUMBERS = 1_000_000
"""Numbers that JSON may hold; larger results go to netCDF."""
Free = Annotated[Words, typer.Option("--free", help="Parameter to fit; repeatable.")]
ProfiledOver = Annotated[
    Words, typer.Option("--free", help="Parameter to profile over; repeatable.")
]
Truth = Annotated[Words, typer.Option("--truth", help="True value: name=value; repeatable.")]
Levels = Annotated[
    Sequence[float], typer.Option("--level", help="Confidence level, e.g. 0.90; repeatable.")
]
Side = Annotated[str, typer.Option("--side", help="both, or upper or lower for a one-sided limit.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the random numbers.")]
Auxiliary = Annotated[bool, typer.Option(help="Throw the auxiliary measurements of nuisances too.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a figure (.png, .pdf, .svg).")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it: a dataclass among its parameters stands for its fields.

    Args:
        command: Function of options and of dataclasses whose fields are options.

    Returns:
        Function of options alone, with the name and the help text of the command.
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
        command(**ready, **values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__annotations__ = {option.name: option.annotation for option in options}
    call.__signature__ = inspect.Signature(options)  # pyright: ignore[reportFunctionMemberAccess]
    return call


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """A parameter of a command as options: itself, or the fields of its group."""
    kind = parameter.annotation
    if not is_dataclass(kind):
        yield _option(parameter.name, kind, parameter.default)
        return
    for field in fields(kind):
        yield _option(field.name, field.type, field.default)


def _option(name: str, annotation: object, default: object) -> inspect.Parameter:
    kind, *about = get_args(annotation)
    if get_origin(kind) is Sequence:
        # Typer knows repeated options as lists alone.
        kind = list[get_args(kind)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, *about]
    )

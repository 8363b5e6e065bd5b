"""From command-line words to a Model."""

import inspect
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

from cevnsjax.cli.experiment_words import builder_of, with_data
from cevnsjax.core.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Request:
    """What the command line asked for.

    Attributes:
        experiments: Names of experiments, or folders of the user's own.
        analysis: Name of an analysis, instead of experiments.
        free: Parameters to fit.
        fix: "name=value" words.
        settings: "option=value" words.
        named: Further parameters the command uses.
        interactions: Import paths "package.module:function" of the user's own interactions.
    """

    experiments: list[str] | None
    analysis: str | None
    free: list[str] | None
    fix: list[str] | None
    settings: list[str] | None
    named: tuple[str, ...] = ()
    interactions: tuple[str, ...] = ()

    @property
    def fixed(self) -> dict[str, float]:
        """Values to hold, by parameter.

        Raises:
            InputError: At a word that is not name=number.
        """
        return numbers_of(self.fix or (), "--fix")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every parameter the request names.

        Raises:
            InputError: If one is to be fitted twice.
        """
        if len(set(self.free or ())) < len(self.free or ()):
            raise InputError(f"--free {' --free '.join(self.free or ())}: each parameter once")
        return tuple(dict.fromkeys([*(self.free or ()), *self.fixed, *self.named]))


def split(word: str, option: str) -> tuple[str, str]:
    """The two sides of name=value.

    Raises:
        InputError: If there is no "=".
    """
    name, sign, value = word.partition("=")
    if not (name and sign and value):
        raise InputError(f"{option} {word!r} should read name=value")
    return name.strip(), value.strip()


def axis(word: str) -> tuple[str, Any]:
    """A scan axis from name=low:high:points or name=low:high:points:log.

    Raises:
        InputError: If the word does not have that form.
    """
    name, sign, text = word.partition("=")
    parts = text.split(":")
    try:
        low, high, points = float(parts[0]), float(parts[1]), int(parts[2])
        if not (name and sign) or len(parts) > 4 or (len(parts) == 4 and parts[3] != "log"):
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(
            f"axis {word!r} should read name=low:high:points, e.g. {name or 'eps_uV_ee'}=0:1:100, "
            "with :log behind it for even steps of the logarithm"
        ) from None
    return name.strip(), (low, high, points, *parts[3:])


def axes_of(*words: str) -> dict[str, Any]:
    """Scan axes by parameter, from the words that are not empty.

    Raises:
        InputError: If two axes name one parameter.
    """
    names = [axis(word)[0] for word in words if word]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two axes name {name}; each axis needs a parameter of its own")
    return dict(axis(word) for word in words if word)


def range_of(word: str, option: str) -> tuple[float, float]:
    """A range from low:high.

    Raises:
        InputError: If the word does not have that form.
    """
    low, sign, high = word.partition(":")
    try:
        if not sign:
            raise ValueError
        return float(low), float(high)
    except ValueError:
        raise InputError(f"{option} {word!r} should read low:high, e.g. 0:1") from None


def numbers_of(words: Iterable[str], option: str) -> dict[str, float]:
    """Numbers by name from name=value words.

    Raises:
        InputError: At a word of another form, or a name given twice.
    """
    out: dict[str, float] = {}
    for name, text in (split(word, option) for word in words):
        if name in out:
            raise InputError(f"{option} {name} is given twice; keep one")
        try:
            out[name] = float(text)
        except ValueError:
            raise InputError(f"{option} {name}={text}: {text!r} is not a number") from None
    return out


def ranges_of(words: Iterable[str], option: str) -> dict[str, tuple[float, float]]:
    """Ranges by parameter from name=low:high words.

    Raises:
        InputError: At a word of another form, or a parameter named twice.
    """
    out: dict[str, tuple[float, float]] = {}
    for name, text in (split(word, option) for word in words):
        if name in out:
            raise InputError(f"{option} {name} is given twice; keep one")
        out[name] = range_of(text, f"{option} {name}")
    return out


def _value(text: str) -> Any:
    """A number, list or truth value where the text is one, else the text."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    if "," in text:
        return [_value(part) for part in text.split(",")]
    return text


def settings(words: Iterable[str], experiments: Collection[str] = ()) -> dict[str, Any]:
    """Options from "name=value", "name.key=value" and "experiment.name=value" words.

    Args:
        words: What --set was given.
        experiments: Names of experiments that options can be addressed to.

    Raises:
        InputError: At a word of another form.
    """
    options: dict[str, Any] = {}
    for name, text in (split(word, "--set") for word in words):
        address, dot, rest = name.partition(".")
        if dot and address in experiments:
            _put(options.setdefault(address, {}), rest, text)
        else:
            _put(options, name, text)
    return options


def _put(options: dict[str, Any], name: str, text: str) -> None:
    head, dot, key = name.partition(".")
    if (head in options) and not (dot and isinstance(options[head], dict)):
        raise InputError(f"--set {head} is given twice; keep one")
    if dot:
        options.setdefault(head, {})[key] = _value(text)
    else:
        options[head] = _value(text)


def build(request: Request) -> Any:
    """The Model a request describes, in float64.

    Raises:
        UnknownNameError: At an unknown experiment, analysis, option or parameter.
        InputError: If neither or both of experiments and analysis are given.
    """
    options = settings(request.settings or [], request.experiments or ())
    if request.analysis:
        if request.experiments:
            raise InputError(
                f"give experiments or --analysis {request.analysis}, not both: the analysis "
                "names its own experiments"
            )
        return _analysis(request, options)
    if not request.experiments:
        from cevnsjax.experiments import EXPERIMENTS

        raise InputError(
            f"name an experiment ({', '.join(EXPERIMENTS)}), a folder of your own or an --analysis"
        )
    return _model(request, options)


def _analysis(request: Request, options: dict[str, Any]) -> Any:
    from cevnsjax.analyses import ANALYSES, analysis
    from cevnsjax.interactions.owners import OWNERS

    if request.analysis in ANALYSES:
        known = _option_names(ANALYSES[request.analysis].build) - {"interactions"}
        _require_known(options, [known, set(OWNERS)])
    model = analysis(
        str(request.analysis),
        named=request.parameters,
        interaction_options={k: v for k, v in options.items() if k in OWNERS},
        interactions=[imported(path) for path in request.interactions],
        **{k: v for k, v in options.items() if k not in OWNERS},
    )
    return _checked(model, request)


def _model(request: Request, options: dict[str, Any]) -> Any:
    from cevnsjax.experiments import EXPERIMENTS, SHAPE_PARAMETERS
    from cevnsjax.interactions import StandardModel
    from cevnsjax.interactions.owners import OWNERS, owning
    from cevnsjax.model import Model

    if len(set(request.experiments or [])) < len(request.experiments or []):
        raise InputError(f"each experiment once, got {' '.join(request.experiments or [])}")
    builders = {name: builder_of(name) for name in request.experiments or []}
    theory = {f.name for f in fields(StandardModel)}
    offered = {name: _option_names(builder) for name, builder in builders.items()}
    folders = [name for name in builders if name not in EXPERIMENTS]
    hint = f"(what {folders[0]} is made of is set in its experiment.toml)" if folders else ""
    _require_known(options, [theory, set(OWNERS), set(offered), *offered.values()], hint)
    experiments = []
    for name, known in offered.items():
        addressed = options.get(name, {})
        _require_known(addressed, [known], f"(an option of {name})")
        own = {**{k: v for k, v in options.items() if k in known}, **addressed}
        shapes = SHAPE_PARAMETERS.get(name, {})
        switched = [s for s, full in shapes.items() if full in request.parameters]
        if switched and "shape" not in own:
            own["shape"] = switched
        experiments.append(builders[name](**own))
    sm = StandardModel(**{k: v for k, v in options.items() if k in theory})
    beyond = owning(request.parameters, {k: v for k, v in options.items() if k in OWNERS})
    own = [imported(path) for path in request.interactions]
    return _checked(with_data(Model(experiments, [sm, *beyond, *own])), request)


def imported(path: str) -> Any:
    """The object a "package.module:name" path names; the current folder is searched too.

    Raises:
        InputError: If the path has no colon, or there is no such module or name.
    """
    import importlib
    import sys

    module, colon, name = path.partition(":")
    if not colon:
        raise InputError(f"interaction {path!r} should read package.module:function")
    if "" not in sys.path:
        sys.path.insert(0, "")
    hint = "; leave .py away" if module.endswith(".py") else ""
    try:
        found = getattr(importlib.import_module(module), name)
    # Whatever the user's file raises while it is read is the user's to mend.
    except Exception as problem:
        why = f"{type(problem).__name__}: {problem}"
        raise InputError(f"interaction {path!r} cannot be imported: {why}{hint}") from None
    if not callable(found) or isinstance(found, type):
        raise InputError(f"interaction {path!r} is not a function, but {found!r}")
    return found


def _option_names(builder: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(builder).parameters)


def _require_known(options: dict[str, Any], known: list[set[str]], hint: str = "") -> None:
    everything = set().union(*known)
    for name in options:
        if name not in everything:
            raise UnknownNameError("option", name, everything, hint)


def _checked(model: Any, request: Request) -> Any:
    """The model, if it has every parameter the request names, with values in bounds."""
    for name in request.parameters:
        model.parameters[name]
    for name, value in request.fixed.items():
        model.parameters[name].check(value)
    return model

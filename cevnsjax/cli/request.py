"""What a command analyses, and the Model of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from cevnsjax.cli.experiment_words import builder_of, imported, option_defaults, with_data
from cevnsjax.cli.machine import prepare
from cevnsjax.cli.options import Words
from cevnsjax.cli.words import numbers_of, settings
from cevnsjax.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from cevnsjax.experiments import Experiment
    from cevnsjax.interactions.charges import Charges
    from cevnsjax.model import Model

    UserInteractions = list[Callable[..., Charges]]


@dataclass(frozen=True)
class Request:
    """What a command analyses: experiments, or a paper's whole analysis."""

    experiments: Annotated[Words, "Experiments, e.g. csi-2017 or ./my_folder."] = ()
    _: KW_ONLY
    analysis: Annotated[str | None, "A paper's whole analysis, e.g. papoulias2020."] = None
    fix: Annotated[Words, "Hold a parameter: name=value; repeatable."] = ()
    settings: Annotated[
        Words, "Option of experiment or theory: quenching=pe117, pulls.sig=0.28, couplings=tree."
    ] = ()
    interaction: Annotated[Words, "Your own interaction: package.module:function."] = ()

    @property
    def fixed(self) -> dict[str, float]:
        """Values to hold, by parameter."""
        return numbers_of(self.fix, "--fix")

    def model(self, free: Words = (), named: Iterable[str] = ()) -> "Model":
        """The Model in float64, with the interactions that own its parameters.

        ``named`` are parameters that the command uses besides those of --free.

        Raises:
            UnknownNameError: At an unknown experiment, analysis or option.
            InputError: If neither or both of experiments and analysis are given, or if one of
                them or a free parameter is given twice.
        """
        for words, wrong in (
            (free, f"--free {' --free '.join(free)}: each parameter once"),
            (self.experiments, f"each experiment once, got {' '.join(self.experiments)}"),
        ):
            if len(set(words)) < len(words):
                raise InputError(wrong)
        names = tuple(dict.fromkeys([*free, *self.fixed, *named]))
        options = settings(self.settings, self.experiments)
        if self.analysis and self.experiments:
            raise InputError(
                f"give experiments or --analysis {self.analysis}, not both: the analysis "
                "names its own experiments"
            )
        prepare()
        users = [imported(path) for path in self.interaction]
        if self.analysis:
            return _analysis(self.analysis, names, options, users)
        return with_data(_model(self.experiments, names, options, users))


def _analysis(
    name: str, parameters: Words, options: dict[str, Any], users: "UserInteractions"
) -> "Model":
    from cevnsjax.analyses import ANALYSES, analysis
    from cevnsjax.interactions.owners import OWNERS

    if name in ANALYSES:
        builder_options = {*option_defaults(ANALYSES[name].build)} - {"interactions"}
        _require_known(options, builder_options | set(OWNERS))
    return analysis(
        name,
        named=parameters,
        interaction_options=_among(options, OWNERS),
        interactions=users,
        **{k: v for k, v in options.items() if k not in OWNERS},
    )


def _model(
    names: Words, parameters: Words, options: dict[str, Any], users: "UserInteractions"
) -> "Model":
    from cevnsjax.experiments import EXPERIMENTS
    from cevnsjax.interactions import StandardModel
    from cevnsjax.interactions.owners import OWNERS, owning
    from cevnsjax.model import Model

    if not names:
        raise InputError(
            f"name an experiment ({', '.join(EXPERIMENTS)}), a folder of your own or an --analysis"
        )
    builders = {name: builder_of(name) for name in names}
    theory = {f.name for f in fields(StandardModel)}
    folders = [name for name in names if name not in EXPERIMENTS]
    hint = f"(what {folders[0]} is made of is set in its experiment.toml)" if folders else ""
    offered = set().union(*map(option_defaults, builders.values()))
    _require_known(options, theory | set(OWNERS) | set(names) | offered, hint)
    experiments = [_experiment(n, build, parameters, options) for n, build in builders.items()]
    beyond = owning(parameters, _among(options, OWNERS))
    return Model(experiments, [StandardModel(**_among(options, theory)), *beyond, *users])


def _experiment(
    name: str, build: "Callable[..., Experiment]", parameters: Words, options: Mapping[str, Any]
) -> "Experiment":
    """An experiment with its options, and with the shape nuisances that are named switched on."""
    from cevnsjax.experiments import SHAPE_PARAMETERS

    option_names, addressed = set(option_defaults(build)), options.get(name, {})
    _require_known(addressed, option_names, f"(an option of {name})")
    chosen = {**_among(options, option_names), **addressed}
    shapes = [s for s, full in SHAPE_PARAMETERS.get(name, {}).items() if full in parameters]
    return build(**{"shape": shapes, **chosen} if shapes else chosen)


def _among(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _require_known(options: Mapping[str, Any], names: set[str], hint: str = "") -> None:
    for name in options:
        if name not in names:
            raise UnknownNameError("option", name, names, hint)

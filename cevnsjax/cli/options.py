"""Options that several commands have, as typer wants them spelt."""

from pathlib import Path
from typing import Annotated

import typer

Experiments = Annotated[
    list[str] | None,
    typer.Argument(help="Experiments, e.g. csi-2017 or ./my_folder.", show_default=False),
]
AnalysisName = Annotated[
    str | None, typer.Option("--analysis", help="A paper's whole analysis, e.g. papoulias2020.")
]
Free = Annotated[list[str] | None, typer.Option("--free", help="Parameter to fit; repeatable.")]
Fix = Annotated[
    list[str] | None, typer.Option("--fix", help="Hold a parameter: name=value; repeatable.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Option of experiment or theory: quenching=pe117, pulls.sig=0.28, couplings=tree.",
    ),
]
Interactions = Annotated[
    list[str] | None,
    typer.Option("--interaction", help="Your own interaction: package.module:function."),
]
Levels = Annotated[
    list[float] | None, typer.Option("--level", help="Confidence level, e.g. 0.90; repeatable.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a figure (.png, .pdf, .svg).")]
Output = Annotated[Path | None, typer.Option("--output", help="Write the result to a file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Auxiliary = Annotated[
    bool,
    typer.Option(help="Throw the auxiliary measurements of nuisances too."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Sampled = Annotated[
    list[str] | None, typer.Option("--free", help="Parameter to sample; repeatable.")
]
Priors = Annotated[
    list[str] | None,
    typer.Option("--prior", help="name=normal:mean,sd or name=uniform:low,high; repeatable."),
]
Method = Annotated[str | None, typer.Option("--method", help="nuts, or smc for separated modes.")]
Warmup = Annotated[int, typer.Option("--warmup", help="Steps before that adapt.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the random numbers.")]
Marginalize = Annotated[
    bool, typer.Option("--marginalize", help="Integrate linear pulls out in closed form.")
]
TargetAccept = Annotated[float, typer.Option("--target-accept", help="Nearer 1 diverges less.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Keep the work here; it can be interrupted.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Begin or go on with the run in --folder.")]
Devices = Annotated[int | None, typer.Option("--devices", help="Devices that share the work.")]
Process = Annotated[
    str | None,
    typer.Option("--process", help="K/N: process K of N on one --folder; or auto."),
]

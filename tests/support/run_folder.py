"""Small runs in a folder, for tests of what a folder keeps and refuses."""

import numpy as np

from cevnsjax.inference.runs.run import Run

CONFIGURATION = {"seed": 3, "axes": {"x": np.linspace(0, 1, 5)}, "fixed": {"y": 0.5}}


def new_run(folder, blocks=4, *, configuration=CONFIGURATION, **options):
    return Run(folder, configuration, blocks, **options)


def content(block):
    return {"a": np.arange(6.0).reshape(2, 3) + block, "b": np.array([True, False])}


def missing_blocks(folder, **options):
    with new_run(folder, resume=True, **options) as run:
        return list(run.missing)

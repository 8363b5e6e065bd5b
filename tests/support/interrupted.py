"""A long run in its own process, slow enough to be killed; not a test.

``python interrupted.py KIND FOLDER RESULT SECONDS`` continues the run in a folder and stores its
arrays in RESULT; writing a file takes up to SECONDS before and after it is renamed.
"""

import random
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

import cevnsjax as cj
from cevnsjax.inference.runs import store as run_store
from cevnsjax.inference.runs.processes import configure
from cevnsjax.parameters import Uniform

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.toy import Toy, parameter

TOYS = 12 * 1024 - 100


def closed_form():
    """Three parameters with a chi2 in closed form."""
    table = [parameter(n, bounds=(-5.0, 5.0)) for n in "xyz"]
    return Toy(table, chi2)


def chi2(x, y, z):
    return (x - 1) ** 2 + 3 * (y + 2) ** 2 + (z - 0.5 * x) ** 4 + np.sin(x * y)


@cache
def csi():
    return cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.NSI("eps_dV_ee")])


def toys(**options):
    return cj.toys(csi(), TOYS, test="eps_dV_ee", seed=5, **options)


def newton(**options):
    """Pseudo-experiments of Poisson cells, fitted by Newton's method."""
    model = cj.Model(cj.experiments.csi_2017(statistic="time"))
    return cj.toys(model, 4096, test="sin2_theta_w", seed=6, **options)


def feldman_cousins(**options):
    return cj.feldman_cousins(csi(), toys=2048, eps_dV_ee=(-0.3, 0.6, 9), **options)


def scan(**options):
    """Rows of a grid: 20 blocks."""
    return cj.scan(
        closed_form(), x=(-2.0, 2.0, 40), y=(-3.0, 3.0, 20), z=(0.0, 1.0, 800), **options
    )


def template(**options):
    axes = {"eps_dV_ee": (-1.0, 1.0, 3000), "sin2_theta_w": (0.1, 0.4, 3000)}
    return cj.scan(csi(), engine="template", **axes, **options)


def node(**options):
    axes = {"eps_dV_ee": (-1.0, 1.0, 601), "sin2_theta_w": (0.1, 0.4, 307)}
    return cj.scan(csi(), engine="node", **axes, **options)


def chains(**options):
    """Two batches of chains, each of three segments."""
    return draws_of(method="nuts", chains=4, draws=900, warmup=300, **options)


def populations(**options):
    return draws_of(method="smc", chains=4, draws=200, **options)


def draws_of(**options):
    table = {"sin2_theta_w": Uniform(0.1, 0.5)}
    draws = cj.sample(csi(), ["sin2_theta_w"], priors=table, seed=4, **options)
    # Datasets from arviz up to 0.23, nodes of a tree from 1 on.
    groups = [getattr(draws[n], "dataset", draws[n]) for n in ("posterior", "sample_stats")]
    return xr.merge([xr.Dataset(g.variables) for g in groups])


KINDS = {
    f.__name__: f
    for f in (chains, populations, toys, newton, feldman_cousins, scan, template, node)
}


def slowly(seconds):
    write = run_store.write_atomically

    def slow(path, content):
        def written(part):
            content(part)
            time.sleep(random.uniform(0, seconds))

        write(path, written)
        time.sleep(random.uniform(0, seconds))

    run_store.write_atomically = slow


def main(kind, folder, result, seconds, process=None, devices=None):
    cj.enable_x64()
    configure(process, int(devices) if devices else None)
    if float(seconds):
        slowly(float(seconds))
    dataset = KINDS[kind](folder=folder, resume=True)
    np.savez(result, **{str(n): dataset[n].values for n in dataset.variables})


if __name__ == "__main__":
    main(*sys.argv[1:])

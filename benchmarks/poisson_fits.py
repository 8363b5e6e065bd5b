"""CsI-2021 Poisson fits beside scipy, iminuit and pyhf: one fit of the data, and toys.

Runs in a process of its own with one thread of BLAS (``in_own_process``): on a busy machine
scipy's L-BFGS-B otherwise waits for threads a hundred times longer than it computes.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import numpy_poisson as peer
import pyhf_fits
import toy_fits
from fit_rows import Cost, FitRow, FitTable, as_dict, from_dict
from timing import Disagreement, Timing, interleave

import cevnsjax as cj
from cevnsjax.model.data import Pseudodata

_MAX_SIGMAS, _CHI2_ATOL, _DEEPER = 1e-3, 1e-6, 1e-3
_SEED = 2021
THREADS = ("OPENBLAS_NUMTHREADS", "OMP_NUMTHREADS", "MKL_NUMTHREADS")


@dataclass(frozen=True)
class Sizes:
    """Toys in all, rounds, and the toys that slow and fast peers fit in each round."""

    toys: int = 10_000
    strength_toys: int = 2_000
    rounds: int = 5
    slow: int = 10
    fast: int = 40
    budget: float = 2.0


QUICK = Sizes(toys=200, strength_toys=100, rounds=2, slow=2, fast=4, budget=0.2)


@dataclass(frozen=True)
class Peer:
    """Another program: its name, a fit of one toy, whether it is slow, its setting up, and whether
    its likelihood is cevnsjax's."""

    what: str
    fit: Callable[[Any], peer.Fit]
    slow: bool = False
    prepare: Callable[[], None] = lambda: None
    same: bool = True


def installed(name: str) -> bool:
    """Whether an optional package can be imported."""
    return importlib.util.find_spec(name) is not None


def build() -> cj.Model:
    """The default analysis with everything free."""
    cj.enable_x64()
    return cj.Model(cj.experiments.csi_2021())


def auxiliary(toy: Any) -> list[float]:
    """Results of the auxiliary measurements of the eight nuisances in a toy."""
    return [float(toy.auxiliary.get(n, 0.0)) for n in peer.NAMES[1:]]


def require_equal(model: cj.Model, likelihood: peer.Likelihood, count: int = 20) -> float:
    """Largest difference in chi2 from ``model.nll`` at random toys and points.

    Raises:
        Disagreement: If it exceeds 1e-6.
    """
    rng, toys, worst = np.random.default_rng(2), model.toy(_SEED + 1, toys=count), 0.0
    for k in range(count):
        u = likelihood.start + rng.normal(size=len(peer.NAMES)) * [1.0, *[1.5] * 8]
        likelihood.set_data(toys[k].counts[peer.EXPERIMENT], auxiliary(toys[k]))
        values = dict(zip(peer.NAMES, (u * likelihood.scale).tolist(), strict=True))
        mine = 2 * float(model.nll(values, data=toys[k]))
        for other in (likelihood.value(u), likelihood.value_and_gradient(u)[0]):
            worst = max(worst, abs(mine - 2 * other))
    return _required("the NumPy likelihood", worst)


def require_equal_strength(model: cj.Model, other: pyhf_fits.PyhfModel, count: int = 10) -> float:
    """Largest difference in chi2 between pyhf and ``model.nll``, as in ``require_equal``.

    Points lie within 0.4 standard deviations of the default, where no template is near zero.
    """
    rng, toys, worst = np.random.default_rng(3), model.toy(_SEED + 1, toys=count), 0.0
    for k in range(count):
        shifts = rng.uniform(-0.4, 0.4, len(pyhf_fits.NAMES))
        values = {
            n: float(x * model.parameters[n].scale)
            for n, x in zip(pyhf_fits.NAMES, shifts, strict=True)
        }
        data = other.data(toys[k].counts[peer.EXPERIMENT], toys[k].auxiliary)
        mine = 2 * float(model.nll(values, data=toys[k]))
        worst = max(worst, abs(mine - other.chi2(values, data)))
    return _required(f"pyhf with {other.backend}", worst)


def _required(what: str, worst: float) -> float:
    if not worst <= _CHI2_ATOL:
        raise Disagreement(f"{what}: chi2 differs by {worst:.2g}, allowed {_CHI2_ATOL:.0e}")
    return worst


def numpy_peers(likelihood: peer.Likelihood) -> list[Peer]:
    """scipy and iminuit on the NumPy likelihood; each takes a toy."""

    def on(fit: Callable[[], peer.Fit]) -> Callable[[Any], peer.Fit]:
        def run(toy: Any) -> peer.Fit:
            likelihood.set_data(toy.counts[peer.EXPERIMENT], auxiliary(toy))
            return fit()

        return run

    peers = [
        Peer(
            f"NumPy, scipy {method}, {_gradient(analytic)}",
            on(lambda m=method, a=analytic: likelihood.by_scipy(m, analytic=a)),
            not analytic,
        )
        for method in ("L-BFGS-B", "BFGS")
        for analytic in (False, True)
    ]
    if not installed("iminuit"):
        return peers
    return peers + [
        Peer(
            f"NumPy, iminuit, {_gradient(analytic)}",
            on(lambda a=analytic: likelihood.by_minuit(analytic=a)),
            not analytic,
        )
        for analytic in (False, True)
    ]


def _gradient(analytic: bool) -> str:
    return "analytic" if analytic else "numerical"


def pyhf_peers(model: cj.Model, backends: Sequence[str] = pyhf_fits.BACKENDS) -> list[Peer]:
    """pyhf with each backend, checked; each takes a toy."""
    peers = []
    for backend in backends:
        other = pyhf_fits.PyhfModel(model, backend)
        require_equal_strength(model, other)

        def fit(toy: Any, other: pyhf_fits.PyhfModel = other) -> peer.Fit:
            return other.fit(other.data(toy.counts[peer.EXPERIMENT], toy.auxiliary))

        peers.append(Peer(f"pyhf, {backend}", fit, slow=True, prepare=other.activate, same=False))
    return peers


def own_data(model: cj.Model) -> Pseudodata:
    """The experiment's data in the form of a toy."""
    return Pseudodata({peer.EXPERIMENT: np.asarray(model.observed[0])}, {})


def single(
    what: str,
    model: cj.Model,
    name: str,
    peers: Sequence[Peer],
    budget: float,
    errors: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[FitRow]:
    """One fit of the experiment's data; the fitted parameter is the peers' first.

    Args:
        what: Words for the row.
        model: The model.
        name: Its free parameter.
        peers: The other programs.
        budget: Seconds for each comparison.
        errors: Errors at fitted values, timed with the peers' fits and compared; None without.

    Raises:
        Disagreement: If values or errors of a converged fit are off by more than 1e-3 errors.
    """
    data = own_data(model)

    def ours(_: None) -> Any:
        return cj.fit(model, free=[name])

    mine = ours(None)
    sigma = float(mine.errors[name] or np.nan)
    for p in peers:

        def theirs(_: None, p: Peer = p) -> tuple[peer.Fit, float]:
            fit = p.fit(data)
            return fit, float(errors(fit.values)[0]) if errors and fit.converged else sigma

        p.prepare()
        other, spread = theirs(None)
        off = max(abs(float(other.values[0]) - mine.values[name]), abs(spread - sigma)) / sigma
        if other.converged and not off <= _MAX_SIGMAS:
            raise Disagreement(f"{what}: {p.what} is off by {off:.2g} standard deviations")
        times = interleave([(ours, [None]), (theirs, [None])], budget=budget)
        failed = (float(mine.status != "converged"), float(not other.converged))
        difference = off if other.converged else None
        yield FitRow(
            f"{what}, data / {p.what}", times[0], times[1], (1, 1), difference, 0.0, failed=failed
        )


def many(
    what: str,
    model: cj.Model,
    name: str,
    peers: Sequence[Peer],
    count: int,
    sizes: Sizes,
) -> FitTable:
    """Toy fits: in each round cevnsjax fits a block of toys, and every peer the first few of them.

    Args:
        what: Words for the rows.
        model: The model.
        name: Its free parameter, the peers' first.
        peers: The other programs.
        count: Toys in all.
        sizes: Rounds, and toys of the peers in each.
    """
    block = count // sizes.rounds
    toys = model.toy(_SEED, toys=block * sizes.rounds)
    run, costs = _compiled(what, model, name, toys[:block])
    ours: list[toy_fits.ToyFits] = []
    seconds: list[float] = []
    slow: dict[str, list[float]] = {p.what: [] for p in peers}
    fits: dict[str, list[peer.Fit]] = {p.what: [] for p in peers}
    for k in range(sizes.rounds):
        part = toys[k * block : (k + 1) * block]
        started = time.perf_counter()
        ours.append(jax.tree.map(np.asarray, jax.block_until_ready(run(part))))
        seconds.append((time.perf_counter() - started) / block)
        for p in peers:
            p.prepare()
            p.fit(toys[0])  # Compiles, where there is something to compile.
            listed = [part[i] for i in range(sizes.slow if p.slow else sizes.fast)]
            started = time.perf_counter()
            fits[p.what] += [p.fit(toy) for toy in listed]
            slow[p.what].append((time.perf_counter() - started) / len(listed))
    clock = Timing.of(seconds)
    rows = [_compared(what, clock, ours, p, Timing.of(slow[p.what]), fits[p.what]) for p in peers]
    steps = float(np.mean([np.mean(o.steps) for o in ours]))
    costs += [
        Cost(f"{what}: {block * sizes.rounds} toys, all rounds", sum(seconds) * block),
        Cost(f"{what}: evaluations of value, slope and curvature per toy", steps, "1"),
        Cost(f"{what}: one evaluation", clock.median / steps),
    ]
    return rows, costs


def _compiled(what: str, model: cj.Model, name: str, toys: Any) -> tuple[Any, list[Cost]]:
    started = time.perf_counter()
    lowered = toy_fits.fitter(model, name).lower(toys)  # pyright: ignore[reportFunctionMemberAccess]
    traced = time.perf_counter()
    run = lowered.compile()
    done = time.perf_counter()
    return run, [
        Cost(f"{what}: tracing the program of toy fits", traced - started),
        Cost(f"{what}: compiling it", done - traced),
    ]


def parts(what: str, model: cj.Model, name: str, count: int) -> Iterator[Cost]:
    """Cost of each part of an evaluation, over many toys at the default."""
    toys = model.toy(_SEED, toys=count)
    at, start = toy_fits.derivatives(model, name), model.parameters[name].default

    def each(function: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        return jax.jit(lambda toys: jax.lax.map(lambda t: function(*_moved(t, start)), toys))

    measured = {
        "nuisances profiled, value alone": lambda x, t: model.profiled_nll({name: x}, data=t),
        "nuisances profiled, with slope and curvature": at,
        "nothing profiled, value alone": lambda x, t: model.nll({name: x}, data=t),
    }
    for words, function in measured.items():
        run, taken = each(function), []
        jax.block_until_ready(run(toys))
        for _ in range(3):
            started = time.perf_counter()
            jax.block_until_ready(run(toys))
            taken.append((time.perf_counter() - started) / len(toys))
        yield Cost(f"{what}: {words}, at the default", min(taken))


def _moved(toy: Any, start: float) -> tuple[Any, Any]:
    """The default, moved by a tiny amount that depends on the toy.

    A compiler that saw the same point for every toy would evaluate it once, outside the loop.
    """
    return start + 1e-12 * next(iter(toy.auxiliary.values())), toy


def _compared(
    what: str,
    clock: Timing,
    ours: Sequence[toy_fits.ToyFits],
    p: Peer,
    taken: Timing,
    fits: Sequence[peer.Fit],
) -> FitRow:
    each = len(fits) // len(ours)

    def first(name: str) -> np.ndarray:
        return np.concatenate([getattr(o, name)[:each] for o in ours])

    converged = np.concatenate([o.converged for o in ours])
    theirs = np.array([f.converged for f in fits])
    off = np.abs(np.array([f.values[0] for f in fits]) - first("value")) / first("error")
    both = theirs & first("converged")
    gain = first("chi2") - np.array([f.chi2 for f in fits])
    shares = (float(np.mean(both & (gain < -_DEEPER))), float(np.mean(both & (gain > _DEEPER))))
    compared = off[both & (np.abs(gain) <= _DEEPER)] if p.same else off[both]
    return FitRow(
        f"{what}, toys / {p.what}",
        clock,
        taken,
        (converged.size, len(fits)),
        float(np.max(compared)) if compared.size else None,
        float(np.mean(compared > _MAX_SIGMAS)) if compared.size else None,
        shares if p.same else None,
        (float(np.mean(~converged)), float(np.mean(~theirs))),
    )


def rows(quick: bool) -> FitTable:
    """All rows: checks, single fits, fits of toys.

    Raises:
        Disagreement: If two likelihoods or two converged single fits differ.
    """
    sizes = QUICK if quick else Sizes()
    jax.config.update("jax_enable_compilation_cache", False)
    model = build()
    likelihood = peer.Likelihood(model)
    require_equal(model, likelihood)
    costs = [_first_fit(model, peer.NAME)]
    words, peers = "sin2_theta_w", numpy_peers(likelihood)
    table = list(single(words, model, peer.NAME, peers, sizes.budget, likelihood.errors))
    more, spent = many(words, model, peer.NAME, peers, sizes.toys, sizes)
    table, costs = table + more, costs + spent
    costs += parts(words, model, peer.NAME, sizes.toys // 10)
    if not installed("iminuit"):
        table.append(FitRow(f"{words} / NumPy, iminuit", note="not installed"))
    if not installed("pyhf"):
        table.append(FitRow("strength / pyhf", note="not installed"))
        return table, costs
    words, strength = "strength", pyhf_fits.build()
    costs.append(_first_fit(strength, pyhf_fits.STRENGTH))
    others = pyhf_peers(strength)
    table += single(words, strength, pyhf_fits.STRENGTH, others, sizes.budget)
    more, spent = many(words, strength, pyhf_fits.STRENGTH, others, sizes.strength_toys, sizes)
    return table + more, costs + spent


def _first_fit(model: cj.Model, name: str) -> Cost:
    started = time.perf_counter()
    cj.fit(model, free=[name])
    return Cost(
        f"{name}: first cevnsjax.fit, tracing and compilation", time.perf_counter() - started
    )


def in_own_process(quick: bool) -> FitTable:
    """``rows`` in a new process with one thread of BLAS."""
    command = [sys.executable, __file__, *(["--quick"] if quick else [])]
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout
    return from_dict(json.loads(printed.splitlines()[-1]))


if __name__ == "__main__":
    print(json.dumps(as_dict(*rows("--quick" in sys.argv))))

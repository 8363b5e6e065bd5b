"""Posteriors: time for a thousand effective draws, beside emcee on vectorised NumPy.

Effective draws are those of the worst parameter: rank-normalised ones for cevnsjax (arviz), draws
over the integrated autocorrelation time for emcee, whose walkers are not independent.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
import numpy_posterior as peer
from poisson_fits import installed
from timing import Disagreement, Pair, Row, Timing, difference, measure

import cevnsjax as cj

WHY = "posterior means and sd of two samplers: 0.1 sd"
WALKERS = 32
_DRAWS_PER_ROW = 1000


@dataclass(frozen=True)
class Sizes:
    """Draws per chain, steps per walker, points per axis of a grid, repetitions, seconds."""

    draws: int = 4000
    steps: int = 4000
    grid: int = 60
    times: int = 5
    budget: float = 2.0


QUICK = Sizes(draws=1000, steps=1000, grid=12, times=1, budget=0.2)


def build() -> cj.Model:
    """The default analysis with one coupling."""
    cj.enable_x64()
    return cj.Model(cj.experiments.csi_2017(), [cj.NSI("eps_dV_ee")])


def priors() -> dict[str, Any]:
    """Priors of the four parameters, equal to those of the NumPy side."""
    gaussian = zip(peer.MEANS.tolist(), peer.SDS.tolist(), strict=True)
    return {
        "sin2_theta_w": cj.Uniform(*peer.RANGE),
        **{n: cj.Normal(*p) for n, p in zip(peer.NAMES[1:], gaussian, strict=True)},
    }


@dataclass(frozen=True)
class Drawn:
    """A finished run: seconds, effective draws, mean and sd of each parameter [2, name]."""

    seconds: float
    effective: float
    moments: np.ndarray

    @property
    def per_thousand(self) -> float:
        """Seconds for a thousand effective draws."""
        return self.seconds * _DRAWS_PER_ROW / self.effective


def ours(model: cj.Model, sizes: Sizes, chains: int, marginal: bool, seed: int) -> Drawn:
    """One run of cevnsjax, warm-up included."""
    started = time.perf_counter()
    samples = cj.sample(
        model,
        peer.NAMES,
        priors=priors(),
        chains=chains,
        draws=sizes.draws,
        seed=seed,
        marginalise_linear=marginal,
    )
    seconds = time.perf_counter() - started
    rows = cj.report(samples).rows
    effective = min(r.ess_bulk for r in rows.values())
    return Drawn(seconds, effective, np.array([[rows[n].mean, rows[n].sd] for n in peer.NAMES]).T)


def theirs(sizes: Sizes, marginal: bool, seed: int) -> Drawn:
    """One run of emcee, burn-in included; starts near the best fit."""
    import emcee

    density = peer.log_marginal if marginal else peer.log_density
    size = len(peer.NAMES) + (0 if marginal else 2)
    rng = np.random.default_rng(seed)
    centre = np.array([0.22, *peer.MEANS, 0.0, 0.0])[:size]
    first = centre + 0.02 * rng.normal(size=(WALKERS, size))
    sampler = emcee.EnsembleSampler(WALKERS, size, density, vectorize=True)
    sampler.random_state = np.random.RandomState(seed).get_state()
    started = time.perf_counter()
    sampler.run_mcmc(first, sizes.steps)
    seconds = time.perf_counter() - started
    steps = sampler.get_autocorr_time(quiet=True)
    draws = sampler.get_chain(discard=sizes.steps // 8, flat=True)
    effective = len(draws) / float(np.max(steps))
    moments = np.array([draws.mean(axis=0), draws.std(axis=0)])
    return Drawn(seconds, effective, moments[:, : len(peer.NAMES)])


def require_equal(model: cj.Model) -> float:
    """Largest difference of the two densities, up to one constant, at random points.

    Raises:
        Disagreement: If they differ.
    """
    rng = np.random.default_rng(2)
    points = np.column_stack(
        [rng.uniform(*peer.RANGE, 50), peer.MEANS + 2 * peer.SDS * rng.uniform(-1, 1, (50, 3))]
    )
    columns = dict(zip(peer.NAMES, points.T, strict=True))
    mine = -np.asarray(model.map({}, columns, kind="marginal_nll")) + peer.log_prior(points)
    other = peer.log_marginal(points)
    # Each side has its own additive constant. The 100 keeps the relative difference defined where
    # the log density itself is near zero.
    worst = difference("log density", mine - mine[0] + 100.0, other - other[0] + 100.0)
    if not worst <= 1e-8:
        raise Disagreement(f"log density: differ by {worst:.2g}")
    return worst


def sampled(sizes: Sizes) -> Iterator[Row]:
    """Posteriors of four parameters and both pulls, and of the four with the pulls integrated out.

    Raises:
        Disagreement: If densities, means or sd differ.
    """
    model = build()
    require_equal(model)
    for without, words in ((False, " and pulls"), (True, ", pulls integrated out")):
        emcee = [theirs(sizes, without, seed) for seed in range(sizes.times)]
        for chains in (1, 4):
            run = partial(ours, model, sizes, chains, without)
            run(seed=100)
            runs = [run(seed=seed) for seed in range(sizes.times)]
            plural = "" if chains == 1 else "s"
            what = f"posterior of 4 parameters{words}, {chains} chain{plural}"
            yield Row(
                f"{what}, per {_DRAWS_PER_ROW} effective draws / emcee on vectorised NumPy",
                Timing.of([d.per_thousand for d in runs]),
                Timing.of([d.per_thousand for d in emcee]),
                _apart(what, runs, emcee),
                WHY,
            )


def _apart(what: str, mine: list[Drawn], other: list[Drawn]) -> float:
    """Largest difference of posterior means and standard deviations, in standard deviations."""
    a, b = (np.mean([d.moments for d in runs], axis=0) for runs in (mine, other))
    worst = float(np.max(np.abs(a - b) / b[1]))
    if not worst <= 0.1:
        raise Disagreement(f"{what}: means or sd differ by {worst:.2g} sd")
    return worst


def grids(sizes: Sizes) -> Pair:
    """The exact posterior of two parameters on a grid, beside the closed form in NumPy."""
    model, n = build(), sizes.grid
    table = {k: v for k, v in priors().items() if k in peer.NAMES[:2]}
    s2w, radius = np.linspace(*peer.RANGE, n), np.linspace(4.0, 6.0, n)

    def mine(_: Any) -> np.ndarray:
        posterior = cj.grid_posterior(model, priors=table, sin2_theta_w=s2w, R_n_Cs=radius)
        return cj.marginal(posterior, "sin2_theta_w").to_numpy()

    def other(_: Any) -> np.ndarray:
        first, second = (x.ravel() for x in np.meshgrid(s2w, radius, indexing="ij"))
        fixed = np.broadcast_to(peer.MEANS[1:], (n * n, 2))
        log = peer.log_marginal(np.column_stack([first, second, fixed])).reshape(n, n)
        density = np.exp(log - log.max())
        one = np.trapezoid(density, radius, axis=1)
        return one / np.trapezoid(one, s2w)

    what = f"exact posterior of 2 parameters, {n} x {n} grid / closed form in NumPy"
    return Pair(what, mine, other, [None], [None])


def first_call(model: cj.Model) -> Row:
    """The first posterior of a process: mostly compilation."""
    jax.clear_caches()
    run: Callable[[], Any] = partial(cj.sample, model, peer.NAMES, priors=priors())
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    return Row("first call: posterior of 4 parameters and pulls", Timing.of([seconds]))


def rows(quick: bool) -> Iterator[Row]:
    """All rows of the group.

    Raises:
        Disagreement: If two sides differ.
    """
    sizes = QUICK if quick else Sizes()
    yield first_call(build())
    if installed("emcee"):
        yield from sampled(sizes)
    yield measure(grids(sizes), budget=sizes.budget)

# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Machine learning with a likelihood inside
#
# A model's functions are ordinary functions of jax. So a likelihood can be a layer of a network's
# loss; a network can learn posteriors from simulated spectra; and the likelihood itself can be
# stored as a compiled function for programs without this package. Each example is short, and each
# is checked here against an exact answer. (Extras: `pip install 'cevnsjax[ml,export]'`.)

# %%
# %matplotlib inline
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import cevnsjax as cj

cj.enable_x64()

model = cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(radii="skin")])
(experiment,) = model.experiments.values()
name = experiment.name

# %% [markdown]
# ## A likelihood as the last layer
#
# A small network $s_\phi(n)$ maps a spectrum $n$ to an estimate of $\sin^2\theta_W$. Its loss is
# not a distance to the truth but $-\ln L$ of that spectrum, with the pulls solved inside:
#
# $$\mathcal L(\phi) = \mathrm{E}_n\big[-\ln L_\mathrm{profiled}(s_\phi(n)\,|\,n)\big].$$
#
# For every $n$ the loss is lowest at the best fit, which the network therefore learns: fits without
# a minimiser. Spectra are simulated within the training step; gradients go through the network and
# through fluxes, cross sections and detector.

# %%
sd = jnp.sqrt(jnp.asarray(experiment.variance))
usual = model.expected()[name]


class Estimator(eqx.Module):
    layers: eqx.nn.MLP

    def __call__(self, counts):
        return jax.nn.sigmoid(self.layers((counts - usual) / usual)[0])


def simulate(key, size=128):
    flat, noise = jax.random.split(key)
    angle = jax.random.uniform(flat, (size,), maxval=0.6)
    mean = jax.vmap(lambda s: model.expected({"sin2_theta_w": s})[name])(angle)
    return mean + sd[None] * jax.random.normal(noise, mean.shape)


def loss(network, spectra):
    def misfit(counts):
        return model.profiled_nll({"sin2_theta_w": network(counts)}, data=counts)

    return jnp.mean(jax.vmap(misfit)(spectra))


network = Estimator(eqx.nn.MLP(12, 1, 32, 2, activation=jax.nn.silu, key=jax.random.key(0)))
optimiser = optax.adam(optax.cosine_decay_schedule(5e-3, 1500))
memory = optimiser.init(eqx.filter(network, eqx.is_inexact_array))


@eqx.filter_jit
def step(network, memory, key):
    value, slopes = eqx.filter_value_and_grad(loss)(network, simulate(key))
    change, memory = optimiser.update(slopes, memory)
    return eqx.apply_updates(network, change), memory, value


losses = []
for key in jax.random.split(jax.random.key(1), 1500):
    network, memory, value = step(network, memory, key)
    losses.append(float(value))
first, last = np.mean(losses[:100]), np.mean(losses[-100:])
print(f"mean loss, first and last 100 steps: {first:.2f}, {last:.2f}")

# %% [markdown]
# The network is compared with exact fits of the data and of 1000 new toys:

# %%
fit = cj.fit(model, free=["sin2_theta_w"])
estimate = float(network(model.observed[0]))
value, error = fit.values["sin2_theta_w"], fit.errors["sin2_theta_w"]
print(f"data: network {estimate:.3f}, fit {value:.3f} ± {error:.3f}")

grid = jnp.linspace(0.0, 0.7, 701)


@jax.jit
def fitted(counts):
    def nll(s):
        return model.profiled_nll({"sin2_theta_w": s}, data=counts)

    return grid[jnp.argmin(jax.vmap(nll)(grid))]


toys = jnp.asarray(model.toy(seed=2, toys=1000, auxiliary=False).counts[name])
exact = np.asarray(jax.lax.map(fitted, toys, batch_size=50))
off = np.asarray(jax.vmap(network)(toys)) - exact
print(f"toys: network minus fit {off.mean():+.4f} ± {off.std():.4f}")
print(f"spread of the fits: {exact.std():.4f}")

# %% [markdown]
# The network differs from the fit by little beside the error of a measurement. With
# `model.expected` as the layer the loss can be any function: robust, weighted, or one term of
# several.
#
# ## An amortised posterior
#
# `cj.amortise` trains a conditional normalising flow $q_\phi(\theta\,|\,n)$ on pairs drawn from
# priors and model (Papamakarios and Murray, arXiv:1605.06376; Cranmer, Brehmer, Louppe,
# arXiv:1911.01429), by
#
# $$\min_\phi\; -\mathrm{E}_{p(\theta,\nu)\,p(n|\theta,\nu)}\,\ln q_\phi(\theta\,|\,n),$$
#
# which $q = p(\theta\,|\,n)$ solves. Nuisances $\nu$ are drawn but are not given to the network, so
# that they are integrated over. The parameters here are $\sin^2\theta_W$ and the neutron skin.

# %%
free = ["sin2_theta_w", "dR_np"]
priors = {"sin2_theta_w": cj.Uniform(0.0, 0.6), "dR_np": cj.Uniform(-1.0, 2.0)}
posterior = cj.amortise(model, free, priors=priors, steps=3000, batch=256, rate=5e-3)
blocks = posterior.losses[:: len(posterior.losses) // 6]
print("mean of -log q in training:", np.round(blocks, 2))

# %% [markdown]
# The posterior of two parameters is exact on a grid:

# %%
axes = {"sin2_theta_w": (0.0, 0.6, 301), "dR_np": (-1.0, 2.0, 201)}
on_grid = cj.grid_posterior(model, priors=priors, **axes)
draws = posterior.sample(draws=20_000)["posterior"]
for n in free:
    print(f"{n}: network {float(draws[n].mean()):.3f} ± {float(draws[n].std()):.3f}", end=", ")
    print(f"grid {on_grid.attrs[f'mean_{n}']:.3f} ± {on_grid.attrs[f'sd_{n}']:.3f}")
bounds = {n: (low, high) for n, (low, high, _) in axes.items()}
cj.plots.corner(
    {n: draws[n].values for n in free},
    labels={n: model.parameters[n].label for n in free},
    bounds=bounds,
    exact={n: (on_grid[n].values, cj.marginal(on_grid, n).values) for n in free},
    title="CsI 2017: network and exact marginals",
)

# %% [markdown]
# The same network gives the posterior of other data at once, while NUTS has to run again. Here is a
# toy with a large $\sin^2\theta_W$ and therefore many events:

# %%
toy = model.toy(seed=3, truth={"sin2_theta_w": 0.4}, auxiliary=False)
options = {"warmup": 300, "draws": 1000, "chains": 2, "seed": 4, "marginalise_linear": True}
chains = cj.sample(model, free, priors=priors, data=toy, **options)["posterior"]
draws = posterior.draws(toy, 20_000)
for n in free:
    print(f"{n}: network {draws[n].mean():.3f} ± {draws[n].std():.3f}", end=", ")
    print(f"NUTS {float(chains[n].mean()):.3f} ± {float(chains[n].std()):.3f}")

# %% [markdown]
# ## Is it right for all data?
#
# Draw $\theta$ and nuisances from their priors, data from the model there, and rank each truth
# among draws of its posterior. If $q$ is the posterior, ranks are uniform (Talts et al.,
# arXiv:1804.06788): a slope means that posteriors are shifted, a hollow that they are too narrow, a
# hump that they are too wide. Chains need a thousand runs for that (`cj.sbc` makes them), the
# network one call.

# %%
rng, size = np.random.default_rng(5), 1000
truths = {n: rng.uniform(*bounds[n], size) for n in free}
for n in model.parameters.names(kind="nuisance"):
    truths[n] = rng.normal(0.0, model.parameters[n].prior.sd, size)
mean = np.asarray(jax.jit(jax.vmap(lambda v: model.expected(v)[name]))(truths))
counts = mean + np.asarray(sd) * rng.normal(size=mean.shape)
drawn = posterior.draws(counts, 199)
ranks = {n: np.sum(drawn[n] < truths[n][:, None], axis=1) for n in free}
for n in free:
    test = cj.uniformity(ranks[n], 199)
    print(f"{n}: p = {test.p:.2f}, shift {test.shift:+.1f}, spread {test.spread:+.1f} errors")
cj.plots.ranks({f"${model.parameters[n].latex}$": ranks[n] for n in free}, 199)

# %% [markdown]
# A posterior for any spectrum also makes other questions cheap. How often do central credible
# intervals hold the truth where the Standard Model is right? Credibility is an average over the
# prior, coverage holds at one point, and the two need not be equal:

# %%
drawn = posterior.draws(toys, 400)
truth = {n: model.parameters[n].default for n in free}
for n in free:
    for level in (0.6827, 0.90):
        low, high = np.quantile(drawn[n], [(1 - level) / 2, (1 + level) / 2], axis=1)
        print(f"{n}: {level:.2%} intervals hold {truth[n]:.3f} in ", end="")
        print(f"{np.mean((low < truth[n]) & (truth[n] < high)):.1%} of {len(low)} toys")

# %% [markdown]
# These intervals cover far more often than confidence intervals should. The data constrain one
# combination of the two parameters; the other follows the prior, and its interval holds a truth in
# the middle of the prior for any data. The network is right (it agrees with the exact posterior);
# the prior causes the overcoverage. For guaranteed coverage there is `cj.feldman_cousins`.
#
# `posterior.save("skin.eqx")` keeps the network, and `cj.load_amortised` reads it
# without the model.
#
# ## Without this package
#
# `cj.export` writes one function of the model as StableHLO, with its arrays and a manifest, in a
# zip. jax alone runs it: in a service, within another framework, on another machine. Data are
# arguments, and the function can be differentiated.

# %%
loader = """
import json, sys
import jax, numpy as np
from jax import export

jax.config.update("jax_enable_x64", True)
stored = np.load(sys.argv[1])
manifest = json.loads(stored["manifest.json"])
arrays = {name: stored[name] for name in manifest["arrays"]}
nll = jax.jit(export.deserialize(bytearray(stored["function.bin"])).call)
value, gradient = jax.value_and_grad(nll)(np.array([0.23, 0.2]), arrays)
print(json.dumps([float(value), gradient.tolist(), "cevnsjax" in sys.modules]))
"""
with tempfile.TemporaryDirectory() as folder:
    file = cj.export(model, Path(folder) / "csi.zip", what="profiled_nll", names=free)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
    command = [sys.executable, "-c", loader, str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
value, gradient, imported = json.loads(answer)
here, slopes = jax.value_and_grad(model.profiled_nll)({"sin2_theta_w": 0.23, "dR_np": 0.2})
print(f"loaded: {value:.12f}, gradient {np.round(gradient, 8)}; cevnsjax imported: {imported}")
print(f"model:  {here:.12f}, gradient {np.round([slopes[n] for n in free], 8)}")

# %% [markdown]
# A small HTTP server for such a file is in `docs/serving.md`; other losses are in
# `docs/embedding.md`.

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
# # Forecasts and design: what would a better experiment be?
#
# Before there are data, expected counts $\mu_i(\theta)$ and their derivatives say how well
# parameters will be known. The Fisher information at the truth is
#
# $$I_{ab} = \sum_i \frac{1}{V_i}\frac{\partial\mu_i}{\partial\theta_a}
#   \frac{\partial\mu_i}{\partial\theta_b} + \frac{\delta_{ab}}{\sigma_a^2}, \qquad
#   \mathrm{cov}(\hat\theta) \ge I^{-1},$$
#
# with $V_i = \mu_i$ for Poisson counts, and $\sigma_a$ the widths of constrained nuisances. It is
# also the Hessian of $-\ln L$ on the Asimov data, the expected counts themselves (Cowan, Cranmer,
# Gross, Vitells, EPJC 71 (2011) 1554). Derivatives are exact here, and so the expected error is
# itself a function to differentiate: by mass, threshold, calibration.

# %%
# %matplotlib inline
import jax
import jax.numpy as jnp
import numpy as np
import optax

import cevnsjax as cj

cj.enable_x64()

csi_2021 = cj.Model(cj.experiments.csi_2021())
expected = cj.fisher(csi_2021, "sin2_theta_w")
expected

# %% [markdown]
# A fit to the Asimov data must find the truth with that error.

# %%
asimov = cj.fit(csi_2021, "sin2_theta_w", data=cj.asimov(csi_2021))
print(f"fit: {asimov.values['sin2_theta_w']:.5f} ± {asimov.errors['sin2_theta_w']:.5f}")
print(f"information: ± {expected.errors['sin2_theta_w']:.5f}")

# %% [markdown]
# ## What limits sin²θ_W
#
# The covariance gives the shift of $\sin^2\theta_W$ with each nuisance,
# $\mathrm{cov}(\theta, a)/\sigma_a$, and `with_known` the error if that nuisance were known.

# %%
nuisances = list(expected.names[1:])
covariance = expected.covariance
impact = covariance[0, 1:] / np.sqrt(np.diag(covariance)[1:])
meanings = [csi_2021.parameters[n].meaning for n in nuisances]
cj.plots.impacts(meanings, impact, -impact, label=r"$\sin^2\theta_W$", title="CsI 2021, expected")

# %%
error = expected.errors["sin2_theta_w"]
for name in ("alpha_sig_csi2021", "alpha_eff_csi2021", "alpha_ss_csi2021", "alpha_qf_2_csi2021"):
    smaller = expected.with_known(name).errors["sin2_theta_w"]
    print(f"{name} known: {smaller:.4f} instead of {error:.4f}")
statistical = expected.with_known(*nuisances).errors["sin2_theta_w"]
print(f"statistics {statistical:.4f}, systematics {np.sqrt(error**2 - statistical**2):.4f}")

# %% [markdown]
# One nuisance dominates: the normalisation of the signal, 12 %, most of it the 10 % on the neutrino
# flux of the source. $\sin^2\theta_W$ is a rate measurement and needs a known rate. Already in the
# 2021 data the systematics exceed the statistics.
#
# ## Where more mass stops helping
#
# `exposure` scales mass times time. Constraints do not improve by themselves, except for nuisances
# measured with the data: the steady-state background counted between beam pulses is declared
# `statistical`. `cj.expected_sd` gives a pure function of the design, for `vmap` and `grad`. The
# exponent $p = -d\ln\sigma/d\ln(\text{exposure})$ is 1/2 where statistics dominate, and 0 where
# more mass does not help.

# %%
sd = cj.expected_sd(csi_2021, "sin2_theta_w", statistical="alpha_ss_csi2021")


def log_sd(log_exposure, width):
    return jnp.log(sd({"exposure": jnp.exp(log_exposure), "sd.alpha_sig_csi2021": width}))


exposure = np.geomspace(0.1, 1000, 41)
both = jax.jit(jax.vmap(jax.value_and_grad(log_sd), in_axes=(0, None)))
curves, exponents = {}, {}
for width in (0.12, 0.05, 0.02):
    log, slope = both(np.log(exposure), width)
    curves[f"signal known to {width:.0%}"], exponents[width] = np.exp(log), -np.asarray(slope)
    errors = ", ".join(f"{np.exp(log[k]):.4f} (p = {-slope[k]:.2f})" for k in (10, 20, 30, 40))
    print(f"{width:.0%}, exposure 1, 10, 100, 1000: {errors}")
figure = cj.plots.comparison(
    exposure,
    curves,
    x_label="exposure, CsI 2021 = 1",
    y_label=r"expected error of $\sin^2\theta_W$",
    logarithmic=True,
)
figure.axes[0].set_xscale("log")
figure

# %%
for width, p in exponents.items():
    stops = np.exp(np.interp(-0.2, -p, np.log(exposure)))
    print(f"{width:.0%}: twice the mass gains {1 - 2**-0.2:.0%} at {stops:.1f} times the exposure")

# %% [markdown]
# Above these exposures twice the mass gains less. Today's data with a signal known to 5 % would be
# as good as ten times the data with 12 %; to go beyond takes both. The curves keep falling slowly,
# since large samples measure shape nuisances (efficiency, quenching) by themselves.
#
# ## Intervals
#
# An error approximates $\chi^2$ by a parabola. `cj.forecast` profiles the Asimov data instead and
# gives the interval to quote. The two differ for few events, and at high levels for many too, since
# the rate is quadratic in the weak charge.

# %%
quenching = cj.experiments.csi_2017(shape="qf_scale")
csi_2017 = cj.Model(quenching)
over = {"exposure": np.geomspace(0.1, 100, 7)}
forecast = cj.forecast(csi_2017, "sin2_theta_w", over=over, level=(0.6827, 0.90))
cj.plots.forecast(
    forecast["exposure"],
    forecast["low"],
    forecast["high"],
    truth=forecast.attrs["truth"],
    levels={"0.6827": 1.0, "0.90": 2.7055},
    label=forecast.attrs["label"],
    x_label="exposure, CsI 2017 = 1",
    sd=forecast["sd"],
    x_scale="log",
)

# %% [markdown]
# ## The gradient by the design
#
# Which change of the design helps most? Relative gains $\partial\ln\sigma/\partial\ln x$ for all
# quantities come from one reverse pass: CsI 2017 (with a scale of the quenching curve known to
# 5.1 %) and argon, whose signals share the flux of the source (`split_flux`).

# %%
pair = cj.Model(
    [
        cj.experiments.csi_2017(shape="qf_scale", split_flux=True),
        cj.experiments.lar_2020(split_flux=True),
    ]
)
sd_pair = cj.expected_sd(pair, "sin2_theta_w")
widths = {n: pair.parameters[n].prior.sd for n in pair.parameters.names(kind="nuisance")}
today = {"exposure.csi-2017": 1.0, "exposure.lar-2020": 1.0}
today |= {f"sd.{n}": width for n, width in widths.items()}
value_and_slopes = jax.jit(jax.value_and_grad(sd_pair))
for factor in (1, 10, 100):
    design = {k: x * (factor if k.startswith("exposure") else 1.0) for k, x in today.items()}
    value, slopes = value_and_slopes(design)
    gains = {k: float(slopes[k]) * design[k] / float(value) for k in design}
    largest = sorted(gains, key=lambda k: -abs(gains[k]))[:5]
    print(f"exposure {factor}, error {value:.4f}: ", end="")
    print(", ".join(f"{k} {gains[k]:+.2f}" for k in largest))

# %% [markdown]
# With a tenfold exposure the largest gain moves from mass to flux. The quenching factor of CsI,
# much debated, is far down the list. That holds for its present error, and beside a normalisation
# as uncertain as today's:

# %%
sd_csi = cj.expected_sd(csi_2017, "sin2_theta_w")
keys = ("sd.qf_scale_csi2017", "sd.alpha_sig_csi2017", "exposure")
at = jax.jit(lambda *x: sd_csi(dict(zip(keys, x, strict=True))))
for signal, times in ((0.128, 1.0), (0.128, 10.0), (0.02, 10.0)):
    row = ", ".join(f"{q:.1%}: {at(q, signal, times):.4f}" for q in (0.20, 0.051, 0.01))
    print(f"signal {signal:.1%}, exposure {times:g}; quenching known to {row}")

# %% [markdown]
# ## What a lower threshold buys
#
# The acceptance of CsI 2017 is a logistic curve with midpoint $x_0$ in photoelectrons, which
# `efficiency.csi-2017.x_0` moves. Backgrounds stay as measured, which overstates the gain of a
# lower threshold; bins begin at 6 PE, which understates it. A neutron skin $\Delta R_{np}$ acts
# through $F^2 \simeq 1 - q^2R^2/3$: it hardly changes soft recoils, which normalise the hard ones.

# %%
theory = [cj.StandardModel(radii="skin"), cj.MagneticMoment()]
skin = cj.Model(quenching, theory)
acceptance = quenching.detector.efficiency
x_0 = np.linspace(4.0, 20.0, 33)


def along(sd, exposure):
    return jax.vmap(lambda x: sd({"efficiency.csi-2017.x_0": x, "exposure": exposure}))(x_0)


cases = {"angle known": (), "angle unknown": ("sin2_theta_w",)}
sds = {name: cj.expected_sd(skin, "dR_np", free=free) for name, free in cases.items()}
ten = {name: np.asarray(jax.jit(lambda e, f=f: along(f, e))(10.0)) for name, f in sds.items()}
print(acceptance)
for name, curve in ten.items():
    here, low = np.interp([acceptance.x_0, 5.0], x_0, curve)
    print(f"{name}: {here:.2f} fm with the acceptance of 2017, {low:.2f} fm at 5 PE")
cj.plots.comparison(
    x_0,
    ten,
    x_label=r"midpoint of the acceptance $x_0$ [PE]",
    y_label=r"expected error of $\Delta R_{np}$ [fm]",
    title="10 times the CsI 2017 exposure",
)

# %% [markdown]
# With $\sin^2\theta_W$ known the threshold matters little to a radius. With both unknown the error
# falls by a third: soft recoils distinguish the two.
#
# A magnetic moment adds $\pi\alpha^2\mu_\nu^2 Z^2F^2/m_e^2\,(1/T - 1/E_\nu)$ to the cross section,
# which grows towards the threshold. Counts depend on $\mu_\nu^2$, so that the information at
# $\mu_\nu = 0$ vanishes:

# %%
moment = cj.Model(cj.experiments.csi_2017(), theory)
cj.fisher(moment, "mu_nu").notes[0]

# %% [markdown]
# The expected limit exists nevertheless, and is differentiable in the design too (implicit function
# theorem at the crossing of the profile).

# %%
limit = cj.expected_limit(moment, "mu_nu", level=0.90)
limits, slopes = jax.jit(
    jax.vmap(jax.value_and_grad(lambda x: limit({"efficiency.csi-2017.x_0": x})))
)(x_0)
here, low = np.interp([acceptance.x_0, 5.0], x_0, limits)
slope = np.interp(acceptance.x_0, x_0, slopes)
print(f"mu_nu < {here:.1f} expected, {low:.1f} at 5 PE [1e-10 mu_B, 90 % CL]; {slope:+.2f} a PE")
more = float(limit({"exposure": 10.0}))
precise = float(limit({"sd.alpha_sig_csi2017": 0.02}))
print(f"10 times the exposure {more:.1f}, signal known to 2 % {precise:.1f}")
cj.plots.forecast(
    x_0,
    np.zeros((x_0.size, 1)),
    np.asarray(limits)[:, None],
    truth=0.0,
    levels={"0.90": 1.6424},
    label=r"$\mu_\nu$ [$10^{-10}\,\mu_B$]",
    x_label=r"midpoint of the acceptance $x_0$ [PE]",
)

# %% [markdown]
# ## A budget
#
# Share 20 units of cost between CsI (1 for each exposure of 2017), argon (0.5 for each of 2020) and
# a measurement of the neutrino flux. For the last, take a heavy-water detector: 5 % of statistics
# in two years from a module of 0.6 t (COHERENT, JINST 16 (2021) P08048), which shall cost 5 units,
# and 2 % from the cross section on deuterons that do not improve. Costs are invented; the rest is
# not. Softmax keeps shares positive with sum 1; `optax.adam` follows the gradient.

# %%
BUDGET, MODULE = 20.0, 5.0


def design_of(shares):
    """Exposures, and the width of the flux's constraint, for shares of CsI, argon and flux."""
    csi, argon, flux = BUDGET * shares
    measured = flux / (0.05**2 * MODULE + 0.02**2 * flux)
    return {
        "exposure.csi-2017": csi,
        "exposure.lar-2020": argon / 0.5,
        "sd.alpha_flux_sns": 1 / jnp.sqrt(1 / 0.10**2 + measured),
    }


def loss(logits):
    return jnp.log(sd_pair(design_of(jax.nn.softmax(logits))))


optimiser, logits = optax.adam(0.1), jnp.zeros(3)
memory, step = optimiser.init(logits), jax.jit(jax.value_and_grad(loss))
for _ in range(400):
    value, slope = step(logits)
    change, memory = optimiser.update(slope, memory)
    logits = optax.apply_updates(logits, change)
best = np.asarray(jax.nn.softmax(logits))
print(f"CsI {best[0]:.3f}, argon {best[1]:.3f}, flux {best[2]:.3f}: error {np.exp(value):.5f}")
print({k: round(float(x), 3) for k, x in design_of(best).items()})

# %% [markdown]
# A scan of all shares must find the same optimum, and shows how much the choice matters.

# %%
share = np.linspace(0.005, 0.99, 198)
csi_share, flux_share = np.meshgrid(share, share, indexing="ij")
argon_share = 1 - csi_share - flux_share
shares = np.stack([csi_share, np.where(argon_share > 0, argon_share, np.nan), flux_share], axis=-1)
scan = jax.jit(lambda s: jax.lax.map(lambda x: sd_pair(design_of(x)), s, batch_size=512))
errors = np.asarray(scan(shares.reshape(-1, 3))).reshape(csi_share.shape)
i, j = np.unravel_index(np.nanargmin(errors), errors.shape)
lowest = f"CsI {share[i]:.3f}, argon {1 - share[i] - share[j]:.3f}, flux {share[j]:.3f}"
print(f"{lowest}: error {errors[i, j]:.5f}")
worse = errors / np.exp(value) - 1
cj.plots.contours(
    [
        cj.plots.ContourSet(
            share,
            share,
            worse,
            levels={"1% worse": 0.01, "5% worse": 0.05, "20% worse": 0.20},
        )
    ],
    x_label="share of CsI",
    y_label="share of the flux measurement",
    points=[("gradient descent", best[0], best[2])],
    title="argon takes the rest",
)

# %%
choices = {
    "CsI alone": [1.0, 0.0, 0.0],
    "argon alone": [0.0, 1.0, 0.0],
    "CsI and flux": [1 - best[2], 0.0, best[2]],
    "argon and flux": [0.0, 1 - best[2], best[2]],
    "CsI and argon": [best[0] / (1 - best[2]), best[1] / (1 - best[2]), 0.0],
    "optimum": best,
}
for name, choice in choices.items():
    print(f"{name}: {float(sd_pair(design_of(jnp.maximum(jnp.array(choice), 1e-9)))):.4f}")

# %% [markdown]
# With the whole budget spent on one detector its systematics limit the error; two targets and a
# flux measurement are better than any pair of them. The optimum is flat: shares that are wrong by a
# tenth of the budget cost a percent or two, so that invented costs do little harm.
#
# ## What to take away
#
# - For $\sin^2\theta_W$ the normalisation decides: first the flux, then the efficiencies of the
#   detectors. Ten times the exposure of CsI 2021 takes less than a quarter off its error.
# - The quenching factor, as known now, limits only signals that are normalised to a few percent.
# - A lower threshold is what separates a neutron radius from the weak mixing angle, and for
#   magnetic moments it is worth nearly ten times the mass.
# - Designs that a function builds (other bins, cuts, targets) go through
#   `cj.forecast(build, parameter, over={name: values})`; new detectors are described in a folder,
#   see `docs/own_experiment.md`.

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
# # Electrons and magnetic moments
#
# Neutrinos also strike the electrons of a detector. In the Standard Model that is rare: the cross
# section per electron is $10^{-44}$ cm² per MeV and recoils spread over tens of MeV. A magnetic
# moment adds
#
# $$\frac{d\sigma}{dT} = \frac{\pi\alpha^2}{m_e^2}\Big(\frac{\mu}{\mu_B}\Big)^2
#   \Big(\frac1T - \frac1{E_\nu}\Big) \times \begin{cases} Z^2 F^2(q^2) & \text{nuclei} \\
#   Z_\mathrm{eff}(T) & \text{electrons} \end{cases}$$
#
# and a nucleus wins by $Z$ at the same $T$. But an electron of 1 keV is seen as 1 keV, a nucleus of
# 1 keV as a tenth of it. The page on electrons of the physics reference has all formulas.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import cevnsjax as cj

cj.enable_x64()

# %% [markdown]
# ## Electrons in atoms
#
# An electron counts once the energy transfer reaches its binding energy. Each step is a level; the
# K levels of Cs and I lie above 30 keV.

# %%
T = np.geomspace(3e-5, 0.05, 2000)
figure, axes = plt.subplots()
for element in ("Ar", "Ge", "Xe", "Cs"):
    axes.plot(1e3 * T, cj.Z_eff(element, T), label=element)
axes.set(xscale="log", xlabel="$T$ [keV]", ylabel=r"$Z_\mathrm{eff}$")
axes.legend(frameon=False)
plt.close(figure)
figure

# %% [markdown]
# ## What a detector sees
#
# Rates of CsI at the SNS by the energy that is seen: of electrons $E_{ee} = T$, of nuclei the
# quenched energy, $dR/dE_{ee} = (dR/dT)/(dE_{ee}/dT)$.

# %%
csi = cj.experiments.csi_2021(electrons=True)
quenching, moment = csi.detector.quenching, cj.MagneticMoment()
theory = [cj.StandardModel(), moment]
T_nr = np.geomspace(2e-3, 0.06, 400)
E_ee = np.asarray(quenching.E_ee(T_nr, {}, np))
slope = np.asarray(quenching.slope(T_nr, {}, np))


def rate(T, target, mu):
    """Sum over sources [1/kg/keV]."""
    parts = cj.dR_dT_nr(T, target, csi.flux, theory, {"mu_nu": mu})
    return 1e-3 * sum(np.asarray(part) for part in parts.values())


figure, axes = plt.subplots()
electrons = cj.electrons_of(csi.target)
for mu, style in ((0.0, ":"), (20.0, "-")):
    label = "Standard Model" if mu == 0 else r"$\mu_\nu = 2\times10^{-9}\mu_B$"
    nuclear = rate(T_nr, csi.target, mu) / slope
    axes.plot(1e3 * E_ee, nuclear, style, color="C0", label=f"nuclei, {label}")
    struck = rate(E_ee, electrons, mu)
    axes.plot(1e3 * E_ee, struck, style, color="C1", label=f"electrons, {label}")
axes.set(yscale="log", ylim=(1e-7, None), xlabel="$E_{ee}$ [keV]", ylabel="$dR/dE_{ee}$ [1/kg/keV]")
axes.legend(frameon=False, fontsize="small")
plt.close(figure)
figure

# %% [markdown]
# Electrons of the Standard Model are seven orders of magnitude below the nuclei, so that counting
# them changes nothing there. Those of a moment are a tenth of the nuclear recoils of a moment.

# %%
with_electrons = cj.Model(csi, theory)
without = cj.Model(cj.experiments.csi_2021(), theory)
for mu in (0.0, 20.0):
    counts = [m.expected({"mu_nu": mu})["csi-2021"].sum() for m in (without, with_electrons)]
    print(f"mu_nu = {mu:g}e-10 mu_B: {counts[0]:.4f} events, {counts[1] - counts[0]:.3g} electrons")

# %% [markdown]
# ## Limits
#
# All pulls and shape nuisances are profiled. Electrons are added to the signal and share them, but
# for the quenching.

# %%
names = ("mu_nu", "mu_nu_e", "mu_nu_mu")


def limit(name, *, electrons):
    """Upper limit at 90 % [1e-10 mu_B]."""
    experiment = cj.experiments.csi_2021(electrons=electrons)
    model = cj.Model(experiment, [cj.StandardModel(), cj.MagneticMoment(name)])
    return cj.profile(model, name, levels=0.90).intervals["0.90"][-1][1]


for name in names:
    nuclei, both = (limit(name, electrons=e) for e in (False, True))
    print(f"{name:9s} < {nuclei:.2f} from nuclei, < {both:.2f} with electrons [1e-10 mu_B]")

# %% [markdown]
# ## Moments by name
#
# A Majorana neutrino has transition moments alone: $\nu_e$ sees
# $|\Lambda_\mu|^2 + |\Lambda_\tau|^2$, $\nu_\mu$ and $\bar\nu_\mu$ see
# $|\Lambda_e|^2 + |\Lambda_\tau|^2$. The region is a quarter of an ellipse; its long axis is that
# of the moment which only $\nu_e$ sees.

# %%
majorana = cj.MajoranaMoment("Lambda_e", "Lambda_mu")
regions = {
    label: cj.scan(
        cj.Model(cj.experiments.csi_2021(electrons=counted), [cj.StandardModel(), majorana]),
        Lambda_e=(0.0, 30.0, 61),
        Lambda_mu=(0.0, 60.0, 61),
    )
    for label, counted in (("nuclei", False), ("with electrons", True))
}
cj.plots.scan_contours(regions, levels=(0.90,), title="CsI 2021")

# %% [markdown]
# ## Charges
#
# The amplitude of a millicharge grows as $1/T$ and its rate as $1/T^2$: per target of mass $M$ as
# $1/(M T^2)$, which is where electrons win by $M/m_e$. The interval shrinks by more than two
# orders of magnitude.

# %%
for counted in (False, True):
    experiment = cj.experiments.csi_2021(electrons=counted)
    model = cj.Model(experiment, [cj.StandardModel(), cj.Millicharge("q_nu_ee")])
    spans = cj.profile(model, "q_nu_ee", levels=0.90).intervals["0.90"]
    text = " or ".join(f"[{low:.3g}, {high:.3g}]" for low, high in spans)
    print(f"{'with electrons' if counted else 'nuclei':14s}: q_nu_ee within {text} [1e-8 e]")

"""Figures 1, 2, 3, 5 and 6 of Papoulias, PRD 102, 113004: events, and profiles of one parameter."""

from typing import Any

from matplotlib.figure import Figure

from cevnsjax.analyses import analysis, papoulias2020
from cevnsjax.plots.style import label
from cevnsjax.reproduce.figures.curves import delta_chi2_curve, one_at_a_time
from cevnsjax.reproduce.figures.drawing import panels, profiles
from cevnsjax.reproduce.figures.events import events_over_data, total_signal

QUENCHINGS = ("old", "new")
"""The paper's two quenching factors, in the order of its legends."""
SOURCES = {"r2_nu_e": "nu_e", "r2_nu_mu": "nu_mu", "r2_nu_mu_bar": "nu_mu_bar"}
"""Charge radii by source, and the source."""
_ONE_SIGMA = 0.6827
_TOP = 8.0


def radius_label(parameter: str) -> str:
    """Axis label of a charge radius by source.

    Args:
        parameter: Its name, e.g. "r2_nu_mu_bar" [1e-32 cm^2].
    """
    source = label(SOURCES[parameter]).strip("$")
    return rf"$\langle r^2_{{{source}}}\rangle$ [$10^{{-32}}$ cm$^2$]"


def events() -> Figure:
    """Figure 1: CEvNS events expected by bin of photoelectrons, and those of the data release."""
    models = {quenching: papoulias2020(quenching) for quenching in QUENCHINGS}
    counts = {quenching: total_signal(model) for quenching, model in models.items()}
    expected = {f"{q} QF, {n.sum():.0f} events": n for q, n in counts.items()}
    return events_over_data(models["old"], expected)


def standard_model() -> Figure:
    """Figure 2: the weak mixing angle (left) and the rms radius of CsI (right)."""
    figure, (left, right) = panels(2)
    angles, radii = (0.05, 0.45), (2.0, 9.0)
    shown = {
        f"{q} QF": delta_chi2_curve(papoulias2020(q), "sin2_theta_w", angles) for q in QUENCHINGS
    }
    look: dict[str, Any] = {"levels": (_ONE_SIGMA, 0.90), "top": _TOP}
    profiles(left, shown, label=r"$\sin^2\theta_W$", x_range=angles, **look, name_levels=False)
    models = {q: papoulias2020(q, radius="free") for q in QUENCHINGS}
    shown = {f"{q} QF": delta_chi2_curve(model, "R_n", radii) for q, model in models.items()}
    profiles(right, shown, label=r"$\langle R_n^2\rangle^{1/2}$ [fm]", x_range=radii, **look)
    return figure


def nonstandard_interactions() -> Figure:
    """Figure 3: one flavour-preserving coupling at a time, of nu_e (left) and nu_mu (right)."""
    figure, axes = panels(2)
    reach = (-0.3, 0.7)
    for frame, flavour, tex in zip(axes, ("ee", "mumu"), ("ee", r"\mu\mu"), strict=True):
        names = f"eps_uV_{flavour}", f"eps_dV_{flavour}"
        by_quenching = {
            q: one_at_a_time(analysis("papoulias2020", named=names, quenching=q), names, reach)
            for q in QUENCHINGS
        }
        shown = {
            f"$q = {quark}$, {q} QF": curves[name]
            for quark, name in zip("ud", names, strict=True)
            for q, curves in by_quenching.items()
        }
        text, last = rf"$\varepsilon^{{qV}}_{{{tex}}}$", frame is axes[-1]
        profiles(
            frame, shown, label=text, levels=(0.90,), x_range=reach, top=_TOP, name_levels=last
        )
    return figure


def magnetic_moment() -> Figure:
    """Figure 5: the effective magnetic moment, with two powers of the form factor and with one."""
    reach, shown = (0.0, 80.0), {}
    for power, text in ((2, "$F^2$"), (1, "$F$")):
        reading = {"magnetic_moment": {"form_factor_power": power}}
        for q in QUENCHINGS:
            model = analysis(
                "papoulias2020", named=["mu_nu"], quenching=q, interaction_options=reading
            )
            shown[f"{text}, {q} QF"] = delta_chi2_curve(model, "mu_nu", reach)
    figure, (axes,) = panels(1, width=3.8, height=3.2)
    text = r"$\mu_\nu$ [$10^{-10}\,\mu_B$]"
    profiles(axes, shown, label=text, levels=(0.90, 0.99), x_range=reach, top=10.0)
    return figure


def charge_radii() -> Figure:
    """Figure 6: charge radii of each source's neutrinos, old (left) and new quenching (right)."""
    figure, axes = panels(2)
    text, reach = r"$\langle r^2_{\nu_\alpha}\rangle$ [$10^{-32}$ cm$^2$]", (-120.0, 60.0)
    for frame, quenching in zip(axes, QUENCHINGS, strict=True):
        model = analysis("papoulias2020", named=SOURCES, quenching=quenching)
        shown = {
            label(source): delta_chi2_curve(model, name, reach) for name, source in SOURCES.items()
        }
        look: dict[str, Any] = {"title": f"{quenching} quenching factor", "x_range": reach}
        last = frame is axes[-1]
        profiles(frame, shown, label=text, levels=(0.90,), top=_TOP, name_levels=last, **look)
    return figure

"""Papoulias, PRD 102, 113004 (2020): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, later

_ROWS = "papers.papoulias2020.rows"
_MIXING_ANGLE_AND_RADIUS = ("N_SM.*", "sin2thetaW_90.*", "s2w_*", "R_n_*", "eq1[13]_*")
PAPER = Paper(
    "papoulias2020",
    "COHERENT constraints after the COHERENT-2020 quenching factor measurement",
    "D. K. Papoulias, Phys. Rev. D 102, 113004 (2020)",
    (
        Group(
            "events, mixing angle and radius",
            "quick",
            _MIXING_ANGLE_AND_RADIUS,
            later(_ROWS, "rows"),
        ),
        *(
            Group(
                f"interactions, {quenching} quenching factor",
                "slow",
                tuple(f"{stem}_*.{quenching}" for stem in ("eps", "r2", "mu_nu")),
                later(_ROWS, "interaction_rows", quenching),
            )
            for quenching in ("old", "new")
        ),
    ),
)

"""An analysis of a paper is one file and one line of the public names."""

from cevnsjax import analyses
from cevnsjax.analyses import ANALYSES, Analysis, registry


def test_every_analysis_is_a_public_name():
    assert registry.stated_analyses() == ANALYSES
    for name, analysis in ANALYSES.items():
        assert getattr(analyses, name) is analysis.build
        assert isinstance(analysis, Analysis)
    assert set(analyses.__all__) == {*ANALYSES, "ANALYSES", "Analysis", "analysis"}


def test_conventions_and_variants_switch_on_what_is_named():
    model = analyses.analysis("papoulias2020", named=["r2_nu_e", "R_n"])
    reading = model.interactions[1]
    assert (reading.via, reading.couplings, reading.factor) == ("sin2_theta_w", "pdg2018", 0.5)
    assert "R_n" in model.parameters
    assert "R_n" not in analyses.analysis("papoulias2020").parameters
    model = analyses.analysis(
        "papoulias2020", interaction_options={"charge_radius": {"factor": 1.0}}, radius="fixed"
    )
    assert (model.interactions[1].factor, len(model.interactions)) == (1.0, 2)


def test_picciau2020_has_loops_at_rest():
    """Its slides print (alpha/3 pi) ln(m_b^2/m_a^2); a caller's choice wins."""
    for chosen, loop in (({}, "q0"), ({"loop": "running"}, "running")):
        options = {"light_vector": {"charges": "L_e-L_mu", **chosen}}
        model = analyses.analysis("picciau2020", named=["g_Zp"], interaction_options=options)
        assert model.interactions[-1].loop == loop

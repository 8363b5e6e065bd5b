"""Text in figures: dollar signs of files are printed, formulas that cannot be read too."""

import pytest

import cevnsjax as cj
from cevnsjax.plots.text import drawable, plain

BROKEN = [r"$\frac{$", r"a $\nothing$ b", "$^$", "${$"]


def drawn(text):
    """What matplotlib makes of a text: characters of its layout."""
    from matplotlib.mathtext import MathTextParser

    parse = MathTextParser("path").parse(text)
    return "".join(chr(glyph[2]) for glyph in parse.glyphs)


def test_plain_text_keeps_every_character():
    for text in ("for $5 to $10", r"\$5 $", *BROKEN):
        assert drawn(plain(text)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", BROKEN)
def test_formulas_that_cannot_be_read(text):
    assert drawable(text) == plain(text)
    good = r"$\sin^2\theta_W$ [keV]"
    assert drawable(f"{good}\n{text}") == f"{good}\n{plain(text)}"


@pytest.mark.parametrize("text", [*BROKEN, "$5", "[keV] $x$", r"C:\folder_1"])
def test_figures_with_any_text(tmp_path, text):
    signal, background = {"nu_e": [2.0, 6.0]}, {"bkg": [0.5, 1.0]}
    figures = {
        "spectrum": cj.plots.spectrum(
            [6, 8, 10], [3, 8], [4, 9], signal, background, title=text, note=f"x\n{text}"
        ),
        "correlations": cj.plots.correlations([text, "b"], [[1, 0.5], [0.5, 1]], title=text),
        "comparison": cj.plots.comparison(
            [1.0, 2.0], {text: [1.0, 2.0], "b": [2.0, 3.0]}, x_label=text, y_label=text, title=text
        ),
    }
    for name, figure in figures.items():
        assert cj.plots.save(figure, tmp_path / f"{name}.svg").stat().st_size > 0


def test_a_background_called_data():
    signal, background = {"nu_e": [2.0, 6.0]}, {"data": [0.5, 1.0]}
    figure = cj.plots.spectrum([6, 8, 10], [3, 8], [4, 9], signal, background)
    (legend,) = [a.get_legend() for a in figure.axes if a.get_legend()]
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["data", "total", r"$\nu_e$", "data"]

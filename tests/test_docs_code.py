"""Code in the documentation runs, and the numbers printed beside it are its results.

Blocks of Python in docs/**/*.md are run page by page, in order. A comment before a block says
otherwise: ``<!-- slow -->`` leaves it to the slow tests, ``<!-- not run: why -->`` out. In a block
a line ``expression  # number`` is checked to the digits that are printed.
"""

import ast
import contextlib
import re

import jax
import matplotlib.pyplot as plt
import pytest
from support.pages import PAGES, blocks, half_digit

# Run by test_docs_embedding.py and model/test_export.py.
TESTED_ELSEWHERE = {"embedding.md", "serving.md"}
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
RUNNABLE = [page for page in PAGES if page not in TESTED_ELSEWHERE and blocks(page)]
QUICK = [page for page in RUNNABLE if any(mark == "" for mark, _ in blocks(page))]
SLOW = [page for page in RUNNABLE if any(mark == "slow" for mark, _ in blocks(page))]


def expected_numbers(code):
    """{line of an expression: the number printed after it}."""
    comments = {}
    for number, line in enumerate(code.splitlines(), start=1):
        comment = line.partition("  # ")[2]
        if NUMBER.fullmatch(comment):
            comments[number] = comment
    return comments


def run(code, names, page):
    """Statement by statement; a printed number is compared with the value of its expression."""
    printed = expected_numbers(code)
    for node in ast.parse(code).body:
        if isinstance(node, ast.Expr) and node.lineno in printed:
            value = eval(compile(ast.Expression(node.value), page, "eval"), names)
            number = printed.pop(node.lineno)
            assert float(value) == pytest.approx(float(number), abs=half_digit(number), rel=0)
        else:
            exec(compile(ast.Module([node], []), page, "exec"), names)
    assert not printed, f"{page}: numbers after what is not an expression: {printed}"


def save_files(page, folder):
    """Files that a page asks its reader to save, named before their blocks."""
    for name, code in re.findall(
        r"`([\w/]+\.(?:toml|csv))`[:.]?\s*```\w+\n(.*?)```", PAGES[page], re.S
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code)


def run_page(page, folder, marks):
    save_files(page, folder)
    names = {"__name__": "__main__"}
    # Readers run jax with its defaults, not with the settings of the tests.
    with (
        contextlib.chdir(folder),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        for mark, code in blocks(page):
            if mark in marks:
                run(code, names, page)
    plt.close("all")


@pytest.mark.parametrize("page", QUICK)
def test_code_runs(page, tmp_path):
    run_page(page, tmp_path, ("",))


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW)
def test_slow_code_runs(page, tmp_path):
    run_page(page, tmp_path, ("", "slow"))


def test_numbers_are_checked():
    with pytest.raises(AssertionError):
        run("x = 0.23857\nx  # 0.2386\nx  # 0.2385\n", {}, "here")
    run("x = 0.23857\nx  # 0.2386\nx * 1e14  # 2.39e13\n", {}, "here")
    with pytest.raises(AssertionError, match="not an expression"):
        run("x = 1  # 2\n", {}, "here")

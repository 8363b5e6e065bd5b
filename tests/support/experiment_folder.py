"""Experiment folders written from their sections and tables."""

from cevnsjax.experiments.folders.reference import render


def csv_text(**columns):
    """A CSV file whose numbers read back exactly."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(repr(float(x)) for x in row) for row in rows)])


def folder_of(path, values, **tables):
    """A folder with an experiment.toml and CSV tables."""
    path.mkdir(exist_ok=True)
    (path / "experiment.toml").write_text(render(values))
    for name, columns in tables.items():
        (path / f"{name}.csv").write_text(csv_text(**columns))
    return path

"""A folder with a complete run of four blocks."""

import pytest
from support.run_folder import content, new_run


@pytest.fixture
def complete(tmp_path):
    with new_run(tmp_path / "run") as run:
        for k in list(run.missing):
            run.write(k, content(k))
    return tmp_path / "run"

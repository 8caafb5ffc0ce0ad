"""The notebooks of examples/ run from a copy, from the first cell to the last."""

import shutil
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[notebooks]'")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
SHORT = {"BASE": "english", "STEPS": "4"}  # of the LLM that is tuned


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 4


def checks(cell):
    """That the last command of a cell has succeeded, which the notebook goes on without."""
    if cell.cell_type == "code" and any(line.startswith("!") for line in cell.source.splitlines()):
        yield nbformat.v4.new_code_cell("assert _exit_code == 0, _exit_code")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    for name in ("examples", "assets"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("output", ".*"))
    folder = tmp_path / path.parent.relative_to(ROOT)
    for name, value in SHORT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    notebook.cells = [cell for one in notebook.cells for cell in (one, *checks(one))]
    client = nbclient.NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    said = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    ]
    assert not [text for text in said if "Traceback" in text or "✘" in text], said

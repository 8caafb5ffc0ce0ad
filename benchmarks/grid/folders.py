"""The folder of a cell."""

from pathlib import Path

LOG = "train.log"


def cell_folder(output: Path, cell: object) -> Path:
    """Where a cell works, beside the results file: its log, what is half done, a model that is
    kept."""
    return output.with_name(f"{output.stem}_cells") / str(cell).replace("/", "-")

"""Measurements to JSON, a Markdown table and a plot."""

import importlib.util
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from ...atomic import whole_file, write_whole
from ...formats.json_text import write_json
from ...lm.onnx.graph import default_threads
from .measuring import Measurement

_COLUMNS = (
    ("method", "method", "{}"),
    ("batch", "batch", "{}"),
    ("texts_a_second", "texts per second", "{:.1f}"),
    ("ratio", "ratio", "{:.2f}"),
    ("milliseconds", "ms per text", "{:.1f}"),
    ("milliseconds_p90", "p90", "{:.1f}"),
    ("passes_a_batch", "passes per batch", "{:.2f}"),
    ("tokens_a_text", "tokens per text", "{:.0f}"),
    ("kept_a_text", "kept", "{:.0f}"),
    ("peak", "peak MiB", "{:.0f}"),
    ("f", "F1", "{:.3f}"),
)


def write_report(
    output: Path, title: str, command: str, about: dict[str, Any], found: Sequence[Measurement]
) -> list[Path]:
    """Writes `output`.json, .md and, where matplotlib is installed, .png. about: what was measured.
    Returns the files."""
    about = {
        **about,
        "date": time.strftime("%Y-%m-%d"),
        **_runtime(),
        "machine": platform.machine(),
    }
    report = {"title": title, "command": command, "about": about}
    rows = [asdict(measurement) for measurement in found]
    text = write_json({**report, "rows": rows}, indent=1)
    files = [output.with_name(output.name + suffix) for suffix in (".json", ".md", ".png")]
    write_whole(files[0], text + "\n")
    lines = [f"# {title}", "", f"`{command}`", ""]
    lines += [", ".join(f"{key} {value}" for key, value in about.items()), "", make_table(found)]
    write_whole(files[1], "\n".join(lines) + "\n")
    if not importlib.util.find_spec("matplotlib"):
        return files[:2]
    _plot(files[2], title, found)
    return files


def _runtime() -> dict[str, Any]:
    """What runs models in this process: torch, where something has imported it."""
    if torch := sys.modules.get("torch"):
        return {"torch": torch.__version__, "threads": torch.get_num_threads()}
    return {"onnxruntime": metadata.version("onnxruntime"), "threads": default_threads()}


def make_table(found: Sequence[Measurement]) -> str:
    """Markdown. ratio: to the first method of the same batch size."""
    lines = ["| " + " | ".join(heading for _, heading, _ in _COLUMNS) + " |"]
    lines.append("|---" * len(_COLUMNS) + "|")
    for measurement in found:
        row = asdict(measurement)
        cells = [
            "" if row[key] is None else pattern.format(row[key]) for key, _, pattern in _COLUMNS
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _plot(path: Path, title: str, found: Sequence[Measurement]) -> None:
    from matplotlib.figure import Figure

    sizes = list(dict.fromkeys(measurement.batch for measurement in found))
    figure = Figure(figsize=(4.2 * len(sizes), 3.2), layout="constrained")
    for axes, size in zip(figure.subplots(1, len(sizes), squeeze=False)[0], sizes, strict=True):
        rows = [measurement for measurement in found if measurement.batch == size]
        bars = axes.barh([row.method for row in rows], [row.texts_a_second for row in rows])
        axes.bar_label(bars, fmt="%.0f", padding=2)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_title(f"batch {size}")
        axes.set_xlabel("texts per second")
    figure.suptitle(title)
    with whole_file(path) as fresh:
        figure.savefig(fresh, dpi=120, format="png")

"""Plots of an analysis; needs matplotlib (extra `analyze`)."""

import base64
import io
from typing import Any

from matplotlib.figure import Figure

from ...plurals import count
from .analysis import Analysis


def plot_calibration(analysis: Analysis) -> Any:
    """A figure: the reliability of probabilities, and precision, recall and F1 by threshold."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="#9aa3b2", linestyle="--", linewidth=1)
    bins = analysis.bins
    most = max((b.n for b in bins), default=1)
    left.bar(
        [(b.low + b.high) / 2 for b in bins],
        [b.n / most for b in bins],
        width=0.1,
        color="#e3e8f0",
        label="mentions (share of the fullest bin)",
    )
    left.plot([b.probability for b in bins], [b.right for b in bins], "o-", label="right")
    left.set(
        xlabel="probability of a mention",
        ylabel="part that is right",
        title=f"Reliability (ECE {analysis.calibration_error:.3f})",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    left.legend(loc="upper left", fontsize=8)
    for name, title in (("p", "precision"), ("r", "recall"), ("f", "F1")):
        values = [getattr(row, name) for row in analysis.sweep]
        right.plot([row.threshold for row in analysis.sweep], values, label=title)
    threshold = analysis.threshold
    drawn = threshold.values() if isinstance(threshold, dict) else [threshold]
    for value in sorted({*drawn} - {0}):
        right.axvline(value, color="#9aa3b2", linestyle="--", linewidth=1)
    right.set(xlabel="threshold", title="What a threshold buys", xlim=(0, 0.95), ylim=(0, 1.02))
    right.legend(fontsize=8)
    return figure


def plot_counts(analysis: Analysis) -> Any:
    """A figure: by label, in how many texts the announced count was off, and by how much."""
    labels = list(analysis.counts)
    figure = Figure(figsize=(10, 0.6 + 1.4 * max(len(labels), 1)), layout="constrained")
    axes = figure.subplots(max(len(labels), 1), 1, squeeze=False)[:, 0]
    for label, ax in zip(labels, axes, strict=False):
        off = {d: n for d, n in analysis.counts[label].items() if d}
        ax.bar(list(off), list(off.values()), color=["#d66" if d < 0 else "#68c" for d in off])
        right = analysis.counts[label].get(0, 0)
        asked = sum(analysis.counts[label].values())
        ax.set_title(f"{label}: right in {right} of {count(asked, 'text')}", fontsize=9, loc="left")
        ax.axvline(0, color="#9aa3b2", linewidth=1)
        ax.set_ylabel("texts")
        ax.xaxis.get_major_locator().set_params(integer=True)
    if labels:
        axes[-1].set_xlabel("announced count less the gold one")
    return figure


def to_data_uri(figure: Any) -> str:
    """The figure inside a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

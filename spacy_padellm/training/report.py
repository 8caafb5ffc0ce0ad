"""What a training run was like: `report.json`, and `report.png` where matplotlib is installed; or
`log.json`, the figures alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..atomic import whole_file, write_whole
from ..formats.json_text import write_json


def write_report(folder: Path, history: Sequence[dict[str, Any]], about: dict[str, Any]) -> None:
    """history: the Trainer's log, losses by step and evaluations with "details". about: goes to
    the head of the JSON file."""
    losses = [
        {"step": e["step"], "loss": e["loss"], "learning_rate": e.get("learning_rate")}
        for e in history
        if "loss" in e
    ]
    scores = [
        {"step": e["step"], "epoch": e.get("epoch"), **e.get("details", {})}
        for e in history
        if "eval_score" in e
    ]
    text = write_json({**about, "evaluations": scores, "losses": losses}, indent=1)
    write_whole(folder / "report.json", text + "\n")
    if losses and scores:
        _draw(folder / "report.png", losses, scores)


def read_log(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Trainer's log as entries of losses and of scores."""
    names = {"step": "step", "epoch": "epoch", "loss": "loss", "eval_score": "score"}
    names["tokens_a_second"] = "tokens_a_second"
    wanted = [entry for entry in history if "loss" in entry or "eval_score" in entry]
    return [{name: e[key] for key, name in names.items() if key in e} for e in wanted]


def write_log(folder: Path, history: Sequence[dict[str, Any]]) -> None:
    """The entries of `read_log`, as `log.json`."""
    write_whole(folder / "log.json", write_json(read_log(history), indent=1) + "\n")


def _draw(path: Path, losses: list[dict[str, Any]], scores: list[dict[str, Any]]) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    left.plot([e["step"] for e in losses], [e["loss"] for e in losses], color="tab:gray")
    left.set(title="loss", xlabel="step", ylabel="nats per target token")
    steps = [e["step"] for e in scores]
    curves = {
        "spans (F1)": ("ents_f", "spans_"),
        "strings (F1)": ("strings_f",),
        "score": ("score",),
    }
    for name, keys in curves.items():
        key = next((k for k in scores[-1] if k.endswith("_f") and k.startswith(keys)), None)
        key = "score" if name == "score" else key
        if key is not None:
            style = {"strings (F1)": "--", "score": ":"}.get(name, "-")
            middle.plot(steps, [e.get(key) or 0.0 for e in scores], style, marker=".", label=name)
    middle.set(title="development set", xlabel="step", ylim=(0, 1))
    middle.legend()
    for label in sorted({label for e in scores for label in _per_label(e)}):
        values = [_per_label(e).get(label, {}).get("f", 0.0) for e in scores]
        right.plot(steps, values, marker=".", label=label)
    right.set(title="span F1 by label", xlabel="step", ylim=(0, 1))
    right.legend(fontsize="small")
    with whole_file(path) as fresh:
        figure.savefig(fresh, dpi=120, format="png")


def _per_label(evaluation: dict[str, Any]) -> dict[str, Any]:
    for key, value in evaluation.items():
        if key.endswith("_per_type") and not key.startswith("strings") and isinstance(value, dict):
            return value
    return {}

"""What a pass costs beside the model: seconds in its forward against seconds outside of it.

    python benchmarks/overhead.py --data DATA

Random Llama of 30M parameters, gold-forced, on a CPU, where both are plain wall time. Outside are
tokenising, building trees and masks, choosing tokens, and the forcing itself.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from sizes import SPACELESS, make_model, read_golds

from spacy_padellm.tools.benchmark.methods import make_decoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=64)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/overhead.md"))
    arguments = parser.parse_args()
    rows = ["| case | batch | ms per pass | outside of the model | share |", "|---" * 5 + "|"]
    for case in ("conll03", "weibo", "labels60"):
        golds, labels = read_golds(arguments.data, case, arguments.limit)
        loaded = make_model("30M", golds, labels, spaceless=case in SPACELESS)
        inside = _timed(loaded.lm.model)
        texts = [gold.text for gold in golds]
        for size in (1, 32):
            decoder = make_decoder("ahead", loaded, golds)
            for _ in range(2):  # the first round warms up
                inside.clear()
                began = time.perf_counter()
                for start in range(0, len(texts), size):
                    decoder.predict(texts[start : start + size], labels)
                total = time.perf_counter() - began
            a_pass = 1000 * sum(inside) / len(inside)
            outside = 1000 * total / len(inside) - a_pass
            share = f"{100 * outside / a_pass:.1f} %"
            rows.append(f"| {case} | {size} | {a_pass:.1f} | {outside:.1f} | {share} |")
            print(rows[-1], flush=True)
    lines = ["# Python beside the model", "", "`python benchmarks/overhead.py --data DATA`", ""]
    lines += [f"30M parameters, {arguments.limit} texts, {time.strftime('%Y-%m-%d')}", "", *rows]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf8")


def _timed(model: Any) -> list[float]:
    """Seconds of each forward from now on."""
    inside: list[float] = []
    began = [0.0]
    model.register_forward_pre_hook(lambda *_: began.__setitem__(0, time.perf_counter()))
    model.register_forward_hook(lambda *_: inside.append(time.perf_counter() - began[0]))
    return inside


if __name__ == "__main__":
    main()

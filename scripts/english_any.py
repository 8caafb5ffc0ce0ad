"""Writes what english-any is: the model in the box, without labels, by another calibration.

python scripts/english_any.py PIPELINE [--start-threshold 0.3] [--output FOLDER]

PIPELINE is what `padellm calibrate` made of the model in the box on labels that it has not seen.
A mention begins where the model gives it more than `--start-threshold`; 0.3 was chosen on
development texts (`benchmarks/zero_shot.py --split dev`). Calibrate once more where it changes.
"""

import argparse
import json
from pathlib import Path

from spacy_padellm.models.named.box import DEFAULT, IN_THE_BOX, LICENCE

SETTINGS = "padellm.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("--output", type=Path, default=IN_THE_BOX["english-any"])
    parser.add_argument("--start-threshold", type=float, default=0.3, metavar="PROBABILITY")
    arguments = parser.parse_args()
    if not 0 < arguments.start_threshold < 1:
        parser.error(
            f"--start-threshold is {arguments.start_threshold:g}: it must be above 0 and below 1"
        )
    path = arguments.pipeline / "padellm_ner" / "model" / SETTINGS
    if not path.is_file():
        parser.error(f"PIPELINE: there is no {path}")
    said = json.loads(path.read_text(encoding="utf8"))
    said.update(labels=[], descriptions={}, base={"name": DEFAULT, "revision": None})
    said["start_threshold"] = arguments.start_threshold
    said["made_of"] = {"name": DEFAULT, "licence": LICENCE}  # for copies of the folder
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / SETTINGS).write_text(json.dumps(said, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

"""Makes a trained adapter fit the package: the adapter in 16 bits, its pointers in 8.

python scripts/shrink_adapter.py MODEL OUTPUT --name english-smollm2 --licence cc-by-sa-4.0
    [--labels PER ORG LOC] [--begins 0.3]

MODEL is the folder of an adapter with pointers, as in `model-best/padellm_ner/model` of a run.
`--name` and `--licence` are those under which it is shipped, and which go with what is made of it.
`--labels` are those that it is asked for where nobody names any; without, users must name theirs.
A mention begins where the model says 0.5: `--begins` moves what it says, so that this is where it
said so much; a calibration of MODEL is left out, since it no longer holds.
"""

import argparse
import json
from pathlib import Path

import torch
from beginnings import POINTERS, add_begins, check_begins, take_begins, write_pointers
from safetensors.torch import load_file, save_file

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
SETTINGS = "padellm.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--labels", nargs="*", default=[])
    add_begins(parser)
    arguments = parser.parse_args()
    check_begins(parser, arguments.begins)
    model, output = arguments.model, arguments.output
    output.mkdir(parents=True, exist_ok=True)
    settings = json.loads((model / SETTINGS).read_text(encoding="utf8"))
    base = settings["base"]["name"]
    begins = take_begins(settings, arguments.begins)
    made_of = {"name": arguments.name, "licence": arguments.licence}
    settings |= {"labels": arguments.labels, "descriptions": {}, "made_of": made_of}
    write_json(settings, output / SETTINGS)
    config = json.loads((model / ADAPTER_CONFIG).read_text(encoding="utf8"))
    write_json(config | {"base_model_name_or_path": base}, output / ADAPTER_CONFIG)
    adapter = {k: w.to(torch.float16) for k, w in load_file(model / ADAPTER).items()}
    save_file(adapter, output / ADAPTER, {"format": "pt"})
    write_pointers(load_file(model / POINTERS), begins, model, output)
    megabytes = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    print(f"an adapter of {base}: {megabytes:.1f} MB")


def write_json(said: object, path: Path) -> None:
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

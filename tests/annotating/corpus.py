"""Input of every format, the command, and what it wrote."""

import gzip
import json

import pytest
import spacy
from sample_pipelines import TEXTS as KNOWN
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands

TEXTS = [*KNOWN[:3], "No one came.", "Ada Lovelace lives in Paris.", "Ünïcode 小明 \u2028 x"]


def run(*arguments, **kwargs):
    return CliRunner().invoke(app, ["padellm", "annotate", *map(str, arguments)], **kwargs)


def records(folder):
    return [json.loads(x) for p in sorted(folder.glob("*.jsonl")) for x in p.open(encoding="utf8")]


def write_input(path, texts=TEXTS):
    """One file of the format that its name has."""
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf8") as file:
            file.writelines(json.dumps({"text": t}) + "\n" for t in texts)
    elif path.suffix == ".txt":
        path.write_text("\n\n".join(texts) + "\n", encoding="utf8")
    elif path.suffix == ".jsonl":
        rows = ({"id": f"n{i}", "text": t, "page": i} for i, t in enumerate(texts))
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf8")
    elif path.suffix == ".spacy":
        nlp = spacy.blank("en")
        DocBin(docs=[nlp.make_doc(t) for t in texts]).to_disk(path)
    else:
        arrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(arrow.table({"text": texts}), path, row_group_size=2)
    return path

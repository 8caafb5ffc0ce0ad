"""`padellm train` of a file of texts: files, the command, and the config that is made."""

import csv
import json

import spacy
from spacy.cli._util import app
from spacy.util import registry
from typer.testing import CliRunner

from spacy_padellm import cli
from spacy_padellm.training.from_config.own_data import OwnData, make_config

NAMES = ["Ada", "Bo", "Cy", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo"]


def train(*words):
    assert cli.padellm_app.registered_commands
    done = CliRunner().invoke(app, ["padellm", "train", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "entities"])
        writer.writerows((text, json.dumps(spans)) for text, spans in rows)
    return path


def made(data, overrides=None, **given):
    said = []
    config = make_config(OwnData(data, **given), overrides or {}, said.append)
    return config, said


def texts_of(config, part):
    block = config.interpolate()["corpora"][part]
    nlp = spacy.blank("en")
    return [eg.reference.text for eg in registry.resolve({"it": block})["it"](nlp)]


def overlapping(n_nested, n=40):
    """Rows of organisations, in some of which a place is nested."""
    rows = []
    for i in range(n):
        text, start = f"Ada{i:02} saw Bank of Rome.", 10
        spans = [[0, 5, "PER"], [start, start + 12, "ORG"]]
        nested = [[start + 8, start + 12, "LOC"]] if i < n_nested else []
        rows.append((text, [*spans, *nested]))
    return rows


def examples_of(config, part):
    block = config.interpolate()["corpora"][part]
    return [eg.reference for eg in registry.resolve({"it": block})["it"](spacy.blank("en"))]

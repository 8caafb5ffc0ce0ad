"""`padellm convert` into formats that do not keep the spacing of every text."""

import json

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.formats.guess import EXTENSIONS, FORMATS

TEXTS = [
    "Ada left , in Rome .",
    "Ada left, in Rome.",
    " Ada left",
    "Ada left ",
    "Ada  left",
    "Ada\tleft",
    "Ada\nleft",
    "Ada\r\nleft\n",
    "\n\nAda",
    "Ada\u00a0left",
    "Ada\u2028left",
    "Ada\x85left",
    "Ada \u3000 left",
    "# text = Ada",
    "小明在罗马",
]


def run(*args):
    result = CliRunner().invoke(app, ["padellm", "convert", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def write(path, texts):
    lines = [json.dumps({"text": text, "ents": []}) for text in texts]
    path.write_text("\n".join(lines), "utf8")
    return path


def read(path):
    return [json.loads(line)["text"] for line in path.read_text("utf8").split("\n") if line]


@pytest.mark.parametrize(
    ("target", "options"),
    [*((target, []) for target in FORMATS), ("columns", ["--text-comments"])],
)
def test_a_text_that_comes_back_otherwise_is_told(target, options, tmp_path):
    """All of them at once: those that the report does not name come back as they were."""
    source, report = write(tmp_path / "a.jsonl", TEXTS), tmp_path / "report.jsonl"
    middle = tmp_path / "b" / f"b{EXTENSIONS[target]}"
    told = ("--to", target, "--report", report)
    code, said = run(source, middle, *told, "--strict", *options)
    writing = said
    problems = [json.loads(line) for line in report.read_text("utf8").split("\n") if line]
    respaced = {one["line"]: one["lost"] for one in problems if one["of"] == "spacing"}
    assert len(problems) == len(respaced)
    lost = sum(respaced.values())
    assert code == bool(lost), said
    assert (f"the spacing of {lost} texts is lost" in said) == bool(lost)
    middle = middle.parent if target == "brat" else middle
    code, said = run(middle, tmp_path / "c.jsonl", "--from", target)
    assert code == 0, said
    back = read(tmp_path / "c.jsonl")
    changed = {i for i, (a, b) in enumerate(zip(TEXTS, back, strict=True), 1) if a != b}
    assert changed == {*respaced}
    assert bool(changed) == (target in ("columns", "webanno"))
    around = {i for i in changed if TEXTS[i - 1].strip() == back[i - 1]}
    assert around == {i for i, is_lost in respaced.items() if not is_lost}
    assert ("lose the white space around them" in writing) == (len(around) > 1)
    assert ["".join(text.split()) for text in back] == ["".join(text.split()) for text in TEXTS]


def test_the_mend_keeps_the_spacing_of_columns(tmp_path):
    source = write(tmp_path / "a.jsonl", ["Ada left, in Rome.", "Ada left", "Ada left."])
    code, said = run(source, tmp_path / "b.conll")
    assert code == 0 and "2 of 3 texts lose their spacing" in said and "--text-comments" in said
    assert "--report FILE.jsonl lists these texts" in said
    code, said = run(source, tmp_path / "b.conll", "--text-comments", "--strict")
    assert code == 0 and "spacing" not in said
    source = write(tmp_path / "a.jsonl", ["Ada\nleft", "Ada left"])
    code, said = run(source, tmp_path / "b.conll", "--text-comments", "--strict")
    assert code == 1 and "1 of 2 texts loses its spacing: columns have no place for line" in said
    assert "With --text-comments" not in said


def test_columns_of_columns_lose_nothing(tmp_path):
    (tmp_path / "a.conll").write_text("Ada B-PER\n, O\nRome B-LOC\n")
    assert run(tmp_path / "a.conll", tmp_path / "b.spacy", "--strict")[0] == 0
    assert run(tmp_path / "b.spacy", tmp_path / "c.conll", "--strict")[0] == 0
    code, said = run(tmp_path / "a.conll", tmp_path / "c.conll", "--strict", "--detokenize")
    assert code == 1 and "1 of 1 text loses its spacing" in said

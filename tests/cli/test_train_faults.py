"""`padellm train` of a file of texts: faults of the texts, told before training begins."""

import json

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from .config_runs import CONFIGS
from .own_data import NAMES, made, train, write_csv

LENIENT = {"corpora.train.alignment_mode": "contract"}


def rows_of(n, shift=(0, 0), first=0):
    """n texts with a PER and a DISH, whose offsets are shifted from the text `first` on."""
    rows = []
    for i in range(n):
        text = f"Then {NAMES[i % 10]}{i:02} ordered lamb tagine again."
        begin = text.index("lamb")
        spans = [[5, text.index(" ordered"), "PER"], [begin, begin + 11, "DISH"]]
        if i >= first:
            spans = [[start + shift[0], end + shift[1], x] for start, end, x in spans]
        rows.append((text, spans))
    return rows


def write_jsonl(path, rows):
    lines = [json.dumps({"text": text, "ents": spans}) for text, spans in rows]
    path.write_text("\n".join(lines))
    return path


def convert(*words):
    done = CliRunner().invoke(app, ["padellm", "convert", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize("write", [write_csv, write_jsonl])
@pytest.mark.parametrize(
    ("shift", "mend"),
    [
        ((1, 1), "subtract 1 from their starts and ends"),
        ((-1, -1), "add 1 to their starts and ends"),
        ((0, -1), "add 1 to their ends"),
        ((0, 1), "subtract 1 from their ends"),
    ],
)
def test_shifted_offsets_are_an_error_in_training_and_told_by_convert(write, shift, mend, tmp_path):
    name = "gold.csv" if write is write_csv else "gold.jsonl"
    path = write(tmp_path / name, rows_of(20, shift))
    told = f"{path}: your offsets seem to be shifted: 40 of 40 spans do not begin and end with"
    with pytest.raises(ValueError) as refused:
        made(path)
    for words in (told, mend, "DISH 20 of 20", "--corpora.train.alignment_mode contract"):
        assert words in str(refused.value)
    for output in ("out.spacy", "out.jsonl", "out.csv"):
        if output != name:
            code, said = convert(path, tmp_path / output)
            assert code == 0 and told in said and mend in said, said


def test_who_says_what_becomes_of_spans_may_train_on(tmp_path):
    _, said = made(write_csv(tmp_path / "gold.csv", rows_of(20, (0, 1))), LENIENT)
    assert "your offsets seem to be shifted" in said[1] and "Training on" in said[2]


def test_a_few_spans_off_words_are_told_and_an_error_with_strict(tmp_path, caplog):
    path = write_csv(tmp_path / "gold.csv", rows_of(20, (1, 0), first=19))
    _, said = made(path)
    assert "2 of 40 spans do not begin and end with whole words (PER 1 of 20, DISH 1" in said[1]
    assert 'gold.csv:21: "Then J[o19] ordered' in said[1] and "shifted" not in said[1]
    assert "`padellm convert` leaves them out" in said[1] and not caplog.text
    with pytest.raises(ValueError, match=r"2 of 40 spans.*error with --strict"):
        made(path, strict=True)
    assert "Training on" in made(write_csv(path, rows_of(20)), strict=True)[1][1]


def test_faults_of_evaluation_texts_are_told_too(tmp_path):
    dev = write_csv(tmp_path / "dev.csv", rows_of(8, (1, 1)))
    with pytest.raises(ValueError, match=r"dev\.csv: your offsets.*--corpora\.dev\.alignment"):
        made(write_csv(tmp_path / "gold.csv", rows_of(20)), dev=dev)


def test_what_the_texts_hold_is_shown(tmp_path):
    rows = [*rows_of(70), *((f"No complaints, {i}.", []) for i in range(5))]
    rows[0][1].append([0, 4, "TIME"])
    _, said = made(write_csv(tmp_path / "gold.csv", rows), dev=write_csv(tmp_path / "d.csv", rows))
    table = [line.split() for line in said[2].splitlines() if line.strip()]
    assert table[0] == ["train", "evaluation"]
    assert table[2:] == [
        ["texts", "75", "75"],
        ["texts", "with", "entities", "70", "70"],
        ["entities", "141", "141"],
        ["PER", "70", "70"],
        ["DISH", "70", "70"],
        ["TIME", "1", "1"],
    ]
    assert "Labels with fewer than 10 entities" in said[3] and said[3].endswith(": TIME (1)")
    assert len(said) == 4  # 70 texts are not told to be few


def test_a_handful_is_told_of_examples(tmp_path):
    _, said = made(write_csv(tmp_path / "gold.csv", rows_of(3)))
    told = " ".join(said)
    assert "Only 2 texts with entities to learn from: expect little below 50" in told
    assert "`examples`" in told and "docs/examples.md" in told


def test_a_hundred_labels_make_no_table_of_a_hundred_rows(tmp_path):
    rows = [(f"{NAMES[i % 10]} ran {i}.", [[0, len(NAMES[i % 10]), f"L{i}"]]) for i in range(100)]
    _, said = made(write_csv(tmp_path / "gold.csv", rows))
    assert "60 further labels" in said[2] and said[2].count("\n") < 50
    assert all(len(message) < 400 for message in said[3:])


@pytest.mark.parametrize("content", ["", "\n", "text,entities\n"])
def test_a_file_without_texts_is_named(content, tmp_path):
    (tmp_path / "gold.csv").write_text(content)
    with pytest.raises(ValueError, match=r"gold\.csv: no text was read from it") as refused:
        made(tmp_path / "gold.csv")
    assert "[corpora]" not in str(refused.value)


def test_a_folder_of_something_else_is_refused(tmp_path):
    path, out = write_csv(tmp_path / "gold.csv", rows_of(20)), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    for more in ([], ["--resume"]):
        code, told = train(path, "-o", out, *more)
        assert code == 1 and "is not empty, and has no run.json" in told
    assert [file.name for file in out.iterdir()] == ["notes.txt"]


def test_strict_goes_with_texts(tmp_path):
    code, told = train(CONFIGS / "padellm_finetune.cfg", "-o", tmp_path / "out", "--strict")
    assert code == 1 and "--strict only works with a file of texts" in told


@pytest.mark.parametrize("base", ["~nobody-at-all/x", f"./{'x' * 300}"])
def test_a_base_that_no_path_can_be_is_named(base, tmp_path):
    path = write_jsonl(tmp_path / "gold.jsonl", rows_of(20))
    code, said = train(path, "-o", tmp_path / "out", "--base", base)
    assert code == 1 and "--base is" in said and "there is no such folder" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rows", [[], rows_of(60, (1, 1)), rows_of(1)])
def test_faults_of_texts_are_told_before_a_base_is_converted(rows, tmp_path):
    base = tmp_path / "base.gguf"
    base.write_bytes(b"GGUF, or not")
    data = write_csv(tmp_path / "data.csv", rows)
    code, said = train(data, "-o", tmp_path / "out", "--base", base)
    assert code == 1 and "data.csv" in said and "base.gguf" not in said


def test_a_base_that_is_no_model_is_told_before_texts_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    data = write_csv(tmp_path / "data.csv", [])
    code, said = train(data, "-o", tmp_path / "out", "--base", "smolm2")
    assert code == 1 and "smollm2" in said and "data.csv" not in said


def test_an_output_that_cannot_be_written_is_told_first(tmp_path):
    (tmp_path / "file").write_text("no folder")
    data = write_csv(tmp_path / "data.csv", rows_of(60))
    code, said = train(data, "-o", tmp_path / "file" / "out")
    assert code == 1 and "--output" in said and "cannot be written" in said


def test_a_misspelt_setting_is_told_with_the_one_that_was_meant(tmp_path):
    corpus = write_jsonl(tmp_path / "gold.jsonl", rows_of(40))
    for name, meant in (
        ("components.padellm_ner.treshold", "components.padellm_ner.threshold"),
        ("components.padellm_ner.model.devise", "components.padellm_ner.model.device"),
    ):
        code, said = train(corpus, "-o", tmp_path / "out", f"--{name}", "0.5")
        assert code == 1 and f"did you mean --{meant}?" in said
    assert not (tmp_path / "out").exists()

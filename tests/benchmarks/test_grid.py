"""What benchmarks share: records, sets."""

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_padellm.formats.json_records import write_records

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("aé中😀" + LINE_ENDS)), max_size=5))
def test_records_come_back_as_they_were_with_whatever_is_in_them(tmp_path, texts):
    from grid.records import append_record, read_records

    path = tmp_path / "out.jsonl"
    path.unlink(missing_ok=True)
    for text in texts:
        append_record(path, {"text": text})
    assert [*read_records(path)] == [{"text": text} for text in texts]


def test_a_record_that_was_cut_off_anywhere_is_left_out(tmp_path, caplog):
    from grid.records import append_record, read_records

    path = tmp_path / "out.jsonl"
    append_record(path, {"text": "é"})
    whole = path.read_bytes()
    for length in range(1, len(whole) - 1):  # amid a character, too
        path.write_bytes(whole + whole[:length])
        assert [*read_records(path)] == [{"text": "é"}]
        assert f"{path}:2: no whole record" in caplog.text
        caplog.clear()
        append_record(path, {"text": "b"})
        assert [of["text"] for of in read_records(path)] == ["é", "b"]
        caplog.clear()
    path.write_bytes(whole)
    assert [*read_records(path)] == [{"text": "é"}] and not caplog.text


def test_results_of_old_are_read_and_gone_on_with():
    from tuning.command import check_same
    from tuning.results import read_results

    results = read_results(RESULTS / "tuning.jsonl")
    assert len(results) == len((RESULTS / "tuning.jsonl").read_text().strip().split("\n")) > 3
    told = {cell.set: record["data"] for cell, record in results.items() if "data" in record}
    check_same(results, {}, {cell.set: told.get(cell.set, "digest") for cell in results})


def write_set(folder, train, test=({"text": "Ada", "ents": [[0, 3, "PER"]]},)):
    write_records(folder / "train.jsonl", train)
    write_records(folder / "test.jsonl", test)


def test_texts_that_nobody_annotated_are_no_texts_without_entities(tmp_path, caplog):
    from grid.sets import read_split
    from paper.recipe import Recipe
    from paper.sets import draw

    known = [{"text": "Ada came.", "ents": [[0, 3, "PER"]]}, {"text": "Nobody came.", "ents": []}]
    failed = {"text": "Bo came.", "ents": [], "error": "the server did not answer"}
    folder = tmp_path / "resume"
    write_set(folder, [known[0], failed, {"text": " ", "ents": []}, known[1]])
    golds = read_split(folder, "train")
    assert [gold.text for gold in golds] == ["Ada came.", "Nobody came."]
    assert all(gold.annotated for gold in golds)
    assert "train.jsonl: 1 text without annotation: left out" in caplog.text
    drawn = draw(tmp_path, "resume", Recipe("b"), 0)
    assert {gold.text for gold in drawn.train} == {"Ada came.", "Nobody came."}


def test_labels_are_renamed_and_all_else_that_is_known_stays():
    from paper.sets import _renamed

    from spacy_padellm.formats.gold_text import GoldText

    gold = GoldText("Ada saw Bo", ((0, 3, "A"),), ("A", "B"), ((8, 10),))
    assert _renamed(gold, {}) == gold
    assert _renamed(gold, {"A": "PER"}).unknown == ((8, 10),)


@pytest.mark.parametrize(
    ("ents", "said"),
    [
        ([[0, 3, "PER"], [4, 99, "LOC"]], "1 span cannot be kept, the first in line 2: LOC at 4"),
        ([[3, 3, "PER"], [9, 4, "LOC"]], "2 spans cannot be kept, the first in line 2: PER at 3"),
        ([[0, 3, "PER"], [0, 3, "PER"]], None),  # given twice: nothing is lost
    ],
)
def test_a_set_of_which_spans_would_be_lost_is_not_read(tmp_path, ents, said):
    from grid.sets import read_split

    write_set(
        tmp_path / "a", [{"text": "Nobody.", "ents": []}, {"text": "Ada came.", "ents": ents}]
    )
    if said is None:
        assert read_split(tmp_path / "a", "train")[1].spans == ((0, 3, "PER"),)
        return
    with pytest.raises(ValueError, match=said) as error:
        read_split(tmp_path / "a", "train")
    assert "train.jsonl" in str(error.value) and "Mend the file" in str(error.value)


def test_a_set_is_known_by_its_texts_wherever_they_lie(tmp_path):
    from grid.sets import digest_set

    splits = ("train", "test")
    text = {"text": "Ada", "ents": [[0, 3, "PER"]]}
    for name, train in (("a", [text]), ("b", [text, text]), ("c", [{**text, "ents": []}])):
        write_set(tmp_path / name, train)
    shutil.copytree(tmp_path / "a", tmp_path / "moved")
    write_records(tmp_path / "moved" / "train.jsonl.gz", [text])
    digests = [digest_set(tmp_path / name, splits) for name in ("a", "b", "c", "moved")]
    assert digests[0] == digests[3] and len(set(digests)) == 3


def test_a_base_is_known_by_its_files_wherever_it_lies(tmp_path):
    """By the digests that results of old have."""
    from grid.bases import digest_base

    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    texts = {"config.json": "{}", "model.safetensors": "weights", "README.md": "of no weight"}
    for name, text in texts.items():
        (one / name).write_text(text)
    (one / "tokenizer.json").mkdir()  # no file
    said = ""
    for name in ("config.json", "model.safetensors"):
        said += f"{name} {hashlib.sha256(texts[name].encode()).hexdigest()[:8]} "
    assert digest_base(str(one)) == hashlib.sha256(said.encode()).hexdigest()[:8]
    shutil.copytree(one, two)
    (two / "README.md").unlink()
    assert digest_base(str(two)) == digest_base(str(one))
    (two / "model.safetensors").rename(two / "pytorch_model.bin")
    before = digest_base(str(two))
    (two / "pytorch_model.bin").write_text("others")
    assert before != digest_base(str(two)) != digest_base(str(one))
    assert digest_base("nobody/such") is None

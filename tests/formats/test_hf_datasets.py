"""Files that the package `datasets` writes, made by hand of its documented layout."""

import json

import pytest

from spacy_padellm.formats import hf_datasets
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.conversion import Conversion
from spacy_padellm.formats.guess import guess_input, guess_output
from spacy_padellm.formats.hf_files import splits_of

from .samples import NESTED, mark
from .tool_files import check, read_file

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
STRING = {"dtype": "string", "_type": "Value"}
CLASSES = {"names": NAMES, "_type": "ClassLabel"}
SEQUENCE = {"tokens": {"feature": STRING, "_type": "Sequence"},
            "ner_tags": {"feature": CLASSES, "_type": "Sequence"}}  # fmt: skip
NUMBER = {"dtype": "int64", "_type": "Value"}
LIST = {"tokens": {"feature": STRING, "_type": "List"},
        "ner_tags": {"feature": CLASSES, "_type": "List"}}  # fmt: skip
ADA = ["Ada", "Lovelace", "left", "Rome"]
FOUND = [("Ada Lovelace left Rome", [("Ada Lovelace", "PER"), ("Rome", "LOC")])]
SPANS = arrow.list_(arrow.struct([("start", arrow.int32()), ("end", arrow.int32()),
                                  ("label", arrow.string())]))  # fmt: skip


def table(columns, features=None, types=None):
    made = arrow.table({k: arrow.array(v, (types or {}).get(k)) for k, v in columns.items()})
    said = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return made.replace_schema_metadata(said if features else None)


def save(folder, made, features=None, **state):
    folder.mkdir(parents=True)
    name = "data-00000-of-00001.arrow"
    with (
        arrow.OSFile(str(folder / name), "wb") as sink,
        arrow.ipc.new_stream(sink, made.schema) as writer,
    ):
        writer.write_table(made)
    state = {"_data_files": [{"filename": name}], "_fingerprint": "0", "_split": "train", **state}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    return folder


TAGGED = {"tokens": [ADA], "ner_tags": [[1, 2, 0, 3]]}
TABLES = {
    "numbers with names": (table(TAGGED, SEQUENCE), FOUND, []),
    "names in a List": (table({"id": ["7"], **TAGGED}, LIST), FOUND, []),
    "tags as strings": (
        table({"tokens": [ADA], "ner_tags": [["B-PER", "I-PER", "O", "B-LOC"]]}), FOUND, []
    ),
    "BILOU, other names of columns": (
        table({"words": [ADA], "labels": [["B-PER", "L-PER", "O", "U-LOC"]]}), FOUND, []
    ),
    "a row without tags": (
        table({"tokens": [ADA, ["Nobody"]], "ner_tags": [None, [0]]}, SEQUENCE),
        [(FOUND[0][0], None), ("Nobody", [])],
        [],
    ),
    "tokens that are passed over": (
        table({"tokens": [ADA, ["x"]], "ner_tags": [[-100, 2, 0, -100], [-100]]}, SEQUENCE),
        [(FOUND[0][0], [("Lovelace", "PER")]), ("x", None)],
        [],
    ),
    "text and spans": (
        table({"text": ["Ada, Bo", "", "To do"],
               "spans": [[{"start": 0, "end": 3, "label": "PER"}], [], None]},
              types={"spans": SPANS}),
        [("Ada, Bo", [("Ada", "PER")]), ("", []), ("To do", None)],
        [],
    ),
    "text, tokens and tags": (
        table({"text": ["Ada, Bo"], "tokens": [["Ada", ",", "Bo"]], "ner_tags": [[1, 0, 1]]},
              SEQUENCE),
        [("Ada, Bo", [("Ada", "PER"), ("Bo", "PER")])],
        [],
    ),
    "spans outside": (
        table({"text": ["Ada"], "entities": [[{"start": 0, "end": 9, "label": "PER"}]]},
              types={"entities": SPANS}),
        [("Ada", [])],
        ["lost: outside the text"],
    ),
    "spans as a Sequence of objects keeps them": (
        table({"text": ["Ada, Bo", "x"],
               "spans": [{"start": [0, 5], "end": [3, 7], "label": [0, 1]},
                         {"start": [], "end": [], "label": []}]},
              {"text": STRING, "spans": {"feature": {"start": NUMBER, "end": NUMBER, "label": {
                  "names": ["PER", "DOG"], "_type": "ClassLabel"}}, "_type": "Sequence"}},
              {"spans": arrow.struct([(name, arrow.list_(arrow.int64()))
                                      for name in ("start", "end", "label")])}),
        [("Ada, Bo", [("Ada", "PER"), ("Bo", "DOG")]), ("x", [])],
        [],
    ),
    "labels of spans as numbers": (
        table({"text": ["Ada, Bo"], "spans": [[{"start": 0, "end": 3, "label": 1}]]},
              {"spans": {"feature": {"start": NUMBER, "end": NUMBER, "label": {
                  "names": ["DOG", "PER"], "_type": "ClassLabel"}}, "_type": "List"}}),
        [("Ada, Bo", [("Ada", "PER")])],
        [],
    ),
    "a label of the whole text beside tags": (
        table({"text": ["Ada Lovelace left Rome"] * 2, "label": [0, 3],
               "tokens": [ADA, ADA], "ner_tags": [[1, 2, 0, 3], [1, 2, 0, 3]]}, SEQUENCE),
        FOUND * 2,
        [],
    ),
    "spans of some rows, tags of others": (
        table({"text": [FOUND[0][0]] * 2, "spans": [None, [{"start": 0, "end": 3, "label": "X"}]],
               "tokens": [ADA, ADA], "ner_tags": [[1, 2, 0, 3], None]}, SEQUENCE,
              {"spans": SPANS}),
        [FOUND[0], (FOUND[0][0], [("Ada", "X")])],
        ["the same text as in line 1"],
    ),
    "no spans in any row, as pandas writes them": (
        table({"text": ["Ada"], "spans": [[]]}), [("Ada", [])], []
    ),
    "texts of other tokens": (
        table({"text": ["Eve", "Eve"], "tokens": [ADA, ADA],
               "spans": [None, [{"start": 0, "end": 3, "label": "X"}]],
               "ner_tags": [[1, 2, 0, 3], None]}, SEQUENCE, {"spans": SPANS}),
        [FOUND[0], ("Eve", [("Eve", "X")])],
        ["not made of its tokens, which are joined", "not made of its tokens, which are left out"],
    ),
    "no rows": (
        table({"tokens": [], "ner_tags": []}, SEQUENCE,
              {"tokens": arrow.list_(arrow.string()), "ner_tags": arrow.list_(arrow.int64())}),
        [],
        ["lost: holds something"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", ["parquet", "folder"])
def test_files(name, kind, tmp_path):
    made, expected, said = TABLES[name]
    path = tmp_path / "train.parquet"
    if kind == "parquet":
        parquet.write_table(made, path)
    else:
        path = save(tmp_path / "data", made)
    assert guess_input(path) == "datasets"
    check(path, expected, said)


def test_names_that_the_folder_keeps(tmp_path):
    path = save(tmp_path / "old", table(TAGGED), SEQUENCE)
    check(path, FOUND, [])
    with pytest.raises(FormatError, match="does not keep their names"):
        list(hf_datasets.read(path / "data-00000-of-00001.arrow"))


@pytest.mark.parametrize(("columns", "features", "what"), [
    (TAGGED, None, "does not keep their names"), ({"a": ["x"]}, None, "the columns are a"),
    ({**TAGGED, "ner_tags": [[1, 2, 0]]}, SEQUENCE, "3 tags of 4 tokens"),
    ({**TAGGED, "ner_tags": [[1, 2, 0, 9]]}, SEQUENCE, "9 is none of the 5 tags"),
    ({**TAGGED, "ner_tags": [["PER", "O", "O", "O"]]}, None, "'PER' is not a tag"),
    ({**TAGGED, "tokens": [["Ada", "", "left", "Rome"]]}, SEQUENCE, "an empty token"),
    ({**TAGGED, "tokens": [["Ada", None, "left", "Rome"]]}, SEQUENCE, "an empty token"),
    ({"text": ["x"], "label": [3]}, None, "the columns are text, label"),
    ({"tokens": [["x"]], "tag": ["B-PER"]}, None, "the columns are tokens, tag"),
    ({"text": ["x"], "spans": [[{"start": 0, "end": 1, "label": 1}]]}, None,
     "'spans': the labels are numbers"),
])  # fmt: skip
def test_what_cannot_be_read(columns, features, what, tmp_path):
    parquet.write_table(table(columns, features), tmp_path / "a.parquet")
    with pytest.raises(FormatError, match=what):
        list(hf_datasets.read(tmp_path / "a.parquet"))


def test_folders_that_are_not_whole(tmp_path):
    made = table(TAGGED, SEQUENCE)
    old = save(tmp_path / "old", made, _indices_files=[{"filename": "indices.arrow"}])
    with pytest.raises(FormatError, match="flatten_indices"):
        list(hf_datasets.read(old))
    away = save(tmp_path / "away", made, _data_files=[{"filename": "../old/x.arrow"}])
    with pytest.raises(FormatError, match="is not there"):
        list(hf_datasets.read(away))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(FormatError, match="no Arrow or Parquet file"):
        list(hf_datasets.read(tmp_path / "bad.parquet"))
    both = tmp_path / "both"
    save(both / "train", made)
    save(both / "test", made)
    (both / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(FormatError, match=r"splits train, test.*both/train"):
        list(hf_datasets.read(both))


@pytest.mark.parametrize("name", ["a.parquet", "folder"])
def test_what_is_written(name, tmp_path):
    tokens = tuple((m, n) for m, n in ((0, 3), (4, 14), (15, 17), (18, 21), (22, 26), (27, 31)))
    nested = AnnotatedText(NESTED.text, NESTED.spans, tokens, {"id": 3})
    texts = [
        nested,
        mark("Ada, Bo", ("Ada", "PER"), tokens=((0, 3), (3, 4), (5, 7))),
        AnnotatedText("x y", (), ((0, 1), (2, 3))).without_annotation(),
    ]
    problems = []
    path = tmp_path / name
    hf_datasets.write(path, texts, problems)
    assert list(hf_datasets.read(path)) == texts
    assert {(p.lost, "`ner_tags`" in p.reason) for p in problems} == {(False, True)}
    if name == "folder":
        hf_datasets.write(path, texts[:2], [])
        state = json.loads((path / "state.json").read_text())
        with arrow.memory_map(str(path / state["_data_files"][0]["filename"])) as source:
            made = arrow.ipc.open_stream(source).read_all()
        features = json.loads((path / "dataset_info.json").read_text())["features"]
    else:
        made = parquet.read_table(path)
        features = json.loads(made.schema.metadata[b"huggingface"])["info"]["features"]
    names = features["ner_tags"]["feature"]["names"]
    assert names == ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    tags = [names[i] for i in made["ner_tags"][1].as_py()]
    assert dict(zip(made["tokens"][1].as_py(), tags, strict=True)) == {
        "Ada": "B-PER", ",": "O", "Bo": "O"}  # fmt: skip


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("x")
    with pytest.raises(FormatError, match="something else is there"):
        hf_datasets.write(tmp_path / "mine", [])
    shown, _ = read_file(save(tmp_path / "d", TABLES["no rows"][0]))
    assert shown == []
    (tmp_path / "d" / "notes.md").write_text("mine")
    both = tmp_path / "both"
    save(both / "train", table(TAGGED, SEQUENCE))
    (both / "dataset_dict.json").write_text('{"splits": ["train"]}')
    for path, what in (("d", r"notes\.md"), ("both", "one split would replace it")):
        with pytest.raises(FormatError, match=what):
            hf_datasets.write(tmp_path / path, [])
    with pytest.raises(FormatError, match="are read, and not written"):
        hf_datasets.write(tmp_path / "a.arrow", [])
    with pytest.raises(FormatError, match="are read, and not written"):
        guess_output(tmp_path / "a.arrow")
    assert len(list(both.rglob("*"))) == 5 and not (tmp_path / "a.arrow").exists()


def test_a_dict_of_no_splits(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": []}')
    for read in (hf_datasets.read, splits_of):
        with pytest.raises(FormatError, match="names no splits"):
            list(read(tmp_path))


def test_feather(tmp_path):
    made, path = table(TAGGED, SEQUENCE), tmp_path / "a.arrow"
    with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)
    check(path, FOUND, [])


def test_texts_that_are_annotated_in_part(tmp_path):
    """As training reads them: the tag -100."""
    text = mark("Ada left Rome", ("Ada", "PER"), tokens=((0, 3), (4, 8), (9, 13)))
    texts = [
        AnnotatedText(text.text, text.spans, text.tokens, unknown=((9, 13),)),
        AnnotatedText(text.text, ((0, 3, "PER"), (0, 8, "X"), (1, 3, "Y")), text.tokens, {},
                      unknown=((9, 13),)),
        text,
    ]  # fmt: skip
    conversion = Conversion()
    conversion.write(tmp_path / "a.parquet", "datasets", texts)
    assert [(p.label, p.lost) for p in conversion.problems] == [("PER", True), ("Y", True)]
    assert parquet.read_table(tmp_path / "a.parquet")["ner_tags"][0].as_py()[2] == -100
    found = list(hf_datasets.read(tmp_path / "a.parquet"))
    assert found[0] == texts[0] and found[2] == text
    assert found[1].spans == ((0, 8, "X"),) and found[1].unknown == ((9, 13),)

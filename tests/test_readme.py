"""The README's first Python block runs as it stands, and its table of texts is read."""

import re
from pathlib import Path

import spacy

from spacy_padellm.pipeline.corpora import make_corpus

README = Path(__file__).parent.parent / "README.md"


def test_the_first_example_prints_what_is_shown(capsys):
    text = README.read_text(encoding="utf8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    example = next(block for language, block in blocks if language == "python")
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    shown = [block for language, block in blocks if not language]
    assert any(_without_scores(block) == _without_scores(printed) for block in shown), printed


def _without_scores(printed):
    """Another processor may round otherwise."""
    return re.sub(r"\d\.\d+", "", printed).split()


def test_the_file_of_own_data_is_read_as_it_is_meant(tmp_path, caplog):
    (shown,) = re.findall(
        r"^```csv\n(.*?)^```$", README.read_text("utf8"), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "train.csv").write_text(shown, encoding="utf8")
    examples = make_corpus(tmp_path / "train.csv")(spacy.blank("en"))
    found = [[(e.text, e.label_) for e in eg.reference.ents] for eg in examples]
    assert found == [
        [("Chez Panisse", "RESTAURANT"), ("tonight", "TIME")],
        [("Noma", "RESTAURANT"), ("ramen", "DISH")],
        [],
    ]
    assert not caplog.text

"""The licence files of a pipeline that is exported: its author's text, and our notices below it."""

import json
import shutil

import pytest

from .commands import run

SHARED = {"name": "english", "licence": "cc-by-sa-4.0"}
GEMMA = {"name": "gemma3", "licence": "gemma"}


@pytest.mark.parametrize(
    ("made_of", "file", "words"),
    [
        (SHARED, "LICENSE", "were adapted from the English model of spacy-padellm"),
        (GEMMA, "NOTICE", "under and subject to the Gemma Terms of Use"),
    ],
)
def test_an_export_keeps_a_licence_of_the_users(made_of, file, words, trained_folder, tmp_path):
    source = shutil.copytree(trained_folder, tmp_path / "source")
    settings = source / "padellm_ner" / "model" / "padellm.json"
    said = json.loads(settings.read_text())
    settings.write_text(json.dumps({**said, "made_of": made_of}))
    (source / file).write_text("MIT, mine\n")
    for given, made in ((source, "once"), (tmp_path / "once", "twice"), (source, "once")):
        done = run(given, "-o", tmp_path / made)
        assert done.exit_code == 0, done.output
        text = (tmp_path / made / file).read_text()
        assert text.startswith("MIT, mine\n\n") and text.count("MIT, mine") == 1
        assert text.count(words) == 1
        assert text.endswith((tmp_path / made / "padellm_ner" / "model" / file).read_text())
    assert (source / file).read_text() == "MIT, mine\n"

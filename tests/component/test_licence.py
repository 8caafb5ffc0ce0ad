"""The licence of a pipeline that is tuned from the model in the box, as packages have it."""

import json

import spacy
from spacy.cli.package import package

from spacy_padellm.pipeline.licence import OF_BOX, note_licence, write_notice


def test_a_package_of_a_tuned_pipeline_has_the_licence(tmp_path):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("padellm_ner")  # the model in the box
    for _ in range(2):  # a run that is resumed
        note_licence(nlp, pipe.shim)
    nlp.to_disk(tmp_path / "best")
    write_notice(nlp, tmp_path / "best")
    package(tmp_path / "best", tmp_path, name="mine", create_sdist=False, create_wheel=False)
    (made,) = tmp_path.glob("en_mine-*")
    meta = json.loads((made / "meta.json").read_text())
    assert meta["license"] == OF_BOX and len(meta["sources"]) == 1
    assert "https://creativecommons.org/licenses/by-sa/4.0/" in (made / "LICENSE").read_text()
    readme = (made / "README.md").read_text()
    assert f"`{OF_BOX}`" in readme and "English model of spacy-padellm" in readme


def test_other_models_and_other_licences_stay(random_nlp, tmp_path):
    nlp = random_nlp()
    note_licence(nlp, nlp.get_pipe("padellm_ner").shim)
    assert nlp.meta["license"] == "" and "sources" not in nlp.meta
    write_notice(nlp, tmp_path)
    assert not (tmp_path / "LICENSE").exists()
    nlp = spacy.blank("en")
    nlp.meta["license"] = "CC BY-SA 4.0 and more"
    pipe = nlp.add_pipe("padellm_ner")
    note_licence(nlp, pipe.shim)
    note_licence(None, pipe.shim)
    assert nlp.meta["license"] == "CC BY-SA 4.0 and more"

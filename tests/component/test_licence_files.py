"""The files `LICENSE` and `NOTICE` of a pipeline: of several models, and with a text of others."""

import json
import shutil
from itertools import permutations

import pytest
import spacy

from spacy_padellm.pipeline.licence import note_in_folder
from spacy_padellm.pipeline.saving import save_pipeline

ADAPTED = {  # how a notice begins, or what it says of a model of Gemma
    "english": "The model weights here were adapted from the English model of spacy-padellm,",
    "english-any": "The model weights here were adapted from the model 'english-any',",
    "english-smollm2": "The model weights here were adapted from the model 'english-smollm2',",
    "gemma3": "The model weights here are those of the model 'gemma3',",
    "multilingual": "The model weights here are those of the model 'multilingual',",
}
SHARED = "cc-by-sa-4.0"
GEMMA = ("gemma3", "multilingual")
OTHERS = {
    "plain": b"MIT, mine",
    "indented": b"\n      Apache License\n   Version 2.0\n\n",
    "windows": b"MIT\r\n\r\nmine\r\n",
    "latin": "© Zoë".encode("latin1"),
}


def tuned(lm_folder, folder, name, licence):
    """A tiny model, as if it had been tuned from the one of this name."""
    shutil.copytree(lm_folder, folder)
    said = json.loads((folder / "padellm.json").read_text())
    said["made_of"] = {"name": name, "licence": licence}
    (folder / "padellm.json").write_text(json.dumps(said))
    return folder


def several(models):
    """A pipeline with a component for each model: a name or a folder."""
    nlp = spacy.blank("en")
    for i, model in enumerate(models):
        config = {"model": {"name": str(model)}, "annotate": "spans", "labels": ["PER"]}
        nlp.add_pipe("padellm_ner", f"part{i}", config=config)
    return nlp


def in_order(notice, wanted):
    """Whether a text has each of these once, in their order, a blank line between notices."""
    places = [notice.find(one) for one in wanted]
    apart = all(notice[:place].endswith("\n\n") for place in places[1:])
    once = all(notice.count(one) == 1 for one in wanted)
    return -1 not in places and places == sorted(places) and once and apart


@pytest.mark.parametrize("names", list(permutations(["english", "english-any"])))
def test_each_model_in_the_box_is_named_with_what_it_was_made_of(names, tmp_path):
    save_pipeline(several(names), tmp_path / "saved")
    notice = (tmp_path / "saved" / "LICENSE").read_text()
    assert in_order(notice, [ADAPTED[name] for name in names])
    assert notice.count("sentence-transformers/all-MiniLM-L6-v2") == len(names)
    assert notice.count("Apache\nLicense 2.0") == notice.count("were changed") == len(names)
    for i, name in enumerate(names):  # beside the weights, of their own model alone
        own = (tmp_path / "saved" / f"part{i}" / "model" / "LICENSE").read_text()
        assert [ADAPTED[one] in own for one in names] == [one == name for one in names]
        assert "sentence-transformers/all-MiniLM-L6-v2" in own and own in notice


@pytest.mark.parametrize(
    "order", [(*ADAPTED,), (*ADAPTED,)[::-1], (*ADAPTED,)[2:] + (*ADAPTED,)[:2]]
)
def test_every_notice_is_there_once_whatever_the_order(order, lm_folder, tmp_path):
    """Models of both kinds of licence, one of them in two components."""
    models = {}
    for name in ADAPTED:
        licence = "gemma" if name in GEMMA else SHARED
        models[name] = tuned(lm_folder, tmp_path / name, name, licence)
    save_pipeline(several([*(models[name] for name in order), models[order[0]]]), tmp_path / "out")
    folder = tmp_path / "out"
    shared = [ADAPTED[name] for name in order if name not in GEMMA]
    assert in_order((folder / "LICENSE").read_text(), shared)
    notice = (folder / "NOTICE").read_text()
    places = [notice.find(ADAPTED[name]) for name in order if name in GEMMA]
    assert -1 not in places and places == sorted(places)
    assert notice.count("Gemma is provided under") == len(GEMMA)
    assert (folder / "GEMMA_TERMS.txt").is_file()


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(("name", "licence"), [("english", "cc-by-sa-4.0"), ("gemma3", "gemma")])
def test_a_file_of_others_stays_above_the_notice(name, licence, text, lm_folder, tmp_path):
    """As `padellm export` leaves a pipeline that it copied, however often."""
    model = tuned(lm_folder, tmp_path / "tuned", name, licence)
    save_pipeline(several([model]), tmp_path / "saved")
    path = tmp_path / "saved" / ("NOTICE" if licence == "gemma" else "LICENSE")
    ours = path.read_bytes()
    for before in (text, text + b"\n\n" + ours, ours.replace(b"\n", b"\r\n") + b"\n" + text):
        path.write_bytes(before)
        for _ in range(2):
            note_in_folder(tmp_path / "saved", ["part0"])
            assert path.read_bytes() == text.strip(b"\r\n") + b"\n\n" + ours


def test_a_notice_of_ours_gives_way_to_that_of_another_model(lm_folder, tmp_path):
    """The one that was there: of another model, of a release that named no base, of several."""
    first = tuned(lm_folder, tmp_path / "first", "english", SHARED)
    save_pipeline(several([first, "english-any"]), tmp_path / "several")
    save_pipeline(several([first]), tmp_path / "saved")
    file = tmp_path / "saved" / "LICENSE"
    ours, both = file.read_text(), (tmp_path / "several" / "LICENSE").read_text()
    short = ours[: ours.index("\nThat model was made")]
    for before in (both, short, ours.replace("the English model of spacy-padellm", "x"), " \n", ""):
        file.write_text(before)
        note_in_folder(tmp_path / "saved", ["part0"])
        assert file.read_text() == ours

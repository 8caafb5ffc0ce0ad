import ast
import re
import warnings

import pytest
import spacy
import srsly
from sample_pipelines import add_scratch_pipe, make_examples
from spacy.training import Example

from spacy_padellm.models.named.box import IN_THE_BOX


def test_labels_of_the_model_need_no_weights(random_nlp):
    nlp = random_nlp()
    assert nlp.get_pipe("padellm_ner").labels == ("PER", "LOC")
    assert not nlp.get_pipe("padellm_ner").shim.is_loaded


def test_labels_of_the_config_come_first(random_nlp):
    pipe = random_nlp(labels=["LOC"]).get_pipe("padellm_ner")
    assert pipe.labels == ("LOC",) and pipe.label_data == ["LOC"]


def test_descriptions_are_asked(random_nlp):
    nlp = random_nlp(labels={"LOC": "a place", "PER": ""})
    pipe = nlp.get_pipe("padellm_ner")
    assert pipe.label_data == {"LOC": "a place", "PER": ""}
    assert pipe.doc_decoder.encoder.descriptions["LOC"] == "a place"
    assert nlp("Ada is in Rome.").has_annotation("ENT_IOB")


def test_names_that_a_config_would_part_are_given_in_pairs(random_nlp, tmp_path):
    with pytest.raises(ValueError, match=r"'org:company'.*pairs"):
        random_nlp(labels={"org:company": "companies"})
    nlp = random_nlp(labels=[["org:company", "companies"], ["a=b", ""]])
    nlp.to_disk(tmp_path)
    pipe = spacy.load(tmp_path).get_pipe("padellm_ner")
    assert pipe.label_data == {"org:company": "companies", "a=b": ""}


def test_counts_beyond_the_models_are_refused_or_taken(random_nlp, plain_lm_folder):
    with pytest.raises(ValueError, match=r"max_count is 9.*up to 4"):
        random_nlp(max_count=9)("Ada is in Rome.")
    nlp = spacy.blank("en")
    config = {"model": {"name": str(plain_lm_folder)}, "labels": ["PER"], "max_count": 200}
    pipe = nlp.add_pipe("padellm_ner", config=config)
    assert pipe.doc_decoder.encoder.max_count == 200


def test_labels_of_the_examples():
    nlp = spacy.blank("en")
    pipe = add_scratch_pipe(nlp)
    assert pipe.labels == ()
    nlp.initialize(lambda: make_examples(nlp, 20))
    assert pipe.labels == ("LOC", "PER")


def test_labels_of_a_file(tmp_path):
    srsly.write_json(tmp_path / "labels.json", ["PER", "LOC", "DATE"])
    nlp = spacy.blank("en")
    pipe = add_scratch_pipe(nlp)
    block = {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json")}
    nlp.config["initialize"]["components"] = {"padellm_ner": {"labels": block}}
    nlp.initialize(lambda: make_examples(nlp, 20))
    assert pipe.labels == ("PER", "LOC", "DATE")


def test_label_data_goes_back_in(random_nlp):
    data = random_nlp(labels={"LOC": "a place", "PER": ""}).get_pipe("padellm_ner").label_data
    pipe = random_nlp().get_pipe("padellm_ner")
    pipe.initialize(lambda: make_examples(spacy.blank("en"), 5), labels=data)
    assert pipe.label_data == data


def test_fine_tuning_takes_the_labels_of_the_users_examples(random_nlp):
    nlp = random_nlp()
    doc = nlp.make_doc("Buy milk")
    nlp.initialize(lambda: [Example.from_dict(doc, {"entities": [(4, 8, "FOOD")]})])
    assert nlp.get_pipe("padellm_ner").labels == ("FOOD",)
    nlp = random_nlp()
    nlp.initialize()  # no examples: the model's own labels stay
    assert nlp.get_pipe("padellm_ner").labels == ("PER", "LOC")


def test_add_label_is_zero_shot_and_says_so(trained):
    pipe = trained.get_pipe("padellm_ner")
    with pytest.warns(UserWarning, match="not trained on the label 'DATE'"):
        assert pipe.add_label("DATE") == 1
    assert pipe.add_label("DATE") == 0 and pipe.add_label("PER") == 0
    assert set(pipe.labels) == {"PER", "LOC", "DATE"}
    doc = trained("Ada Lovelace lives in Paris.")
    assert {"PER", "LOC"} <= {ent.label_ for ent in doc.ents}
    with pytest.raises(ValueError, match="string"):
        pipe.add_label(3)


def test_added_labels_are_saved(trained, tmp_path):
    with warnings.catch_warnings(action="ignore"):
        trained.get_pipe("padellm_ner").add_label("DATE")
    trained.to_disk(tmp_path / "p")
    assert "DATE" in spacy.load(tmp_path / "p").get_pipe("padellm_ner").labels


def test_labels_added_before_training_join_those_of_the_examples():
    nlp = spacy.blank("en")
    pipe = add_scratch_pipe(nlp)
    with warnings.catch_warnings(action="error"):
        pipe.add_label("DATE")
    nlp.initialize(lambda: make_examples(nlp, 20))
    assert pipe.labels == ("LOC", "PER", "DATE")


@pytest.mark.parametrize(
    "labels, words",
    [([], "empty"), (["A", "A"], "twice"), ([" "], "not the name")],
)
def test_bad_labels_name_the_setting(random_nlp, labels, words):
    with pytest.raises(ValueError, match=f"(?s)labels.*{words}"):
        random_nlp(labels=labels)


def test_assigned_labels_are_refused_with_what_to_write(lm_folder, tmp_path):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("padellm_ner", config={"model": {"name": str(lm_folder)}})
    nlp.to_disk(tmp_path)
    for given, labels in (
        (["LOC"], {"LOC": ""}),
        ({"LOC": "a place: a city"}, {"LOC": "a place: a city"}),
    ):
        with pytest.raises(AttributeError, match="add_label") as refused:
            pipe.labels = given
        written = re.search(r"config=(\{.*\}\}\})", str(refused.value))[1]
        changed = spacy.load(tmp_path, config=ast.literal_eval(written)).get_pipe("padellm_ner")
        assert changed.label_set.configured == labels


# Of the component and of spacy-llm's task: what they take, or the words of their refusal.
GIVEN = [
    (["LOC", "PER"], {"LOC": "", "PER": ""}),
    ("LOC, PER", {"LOC": "", "PER": ""}),
    ({"LOC": "places", "PER": ""}, {"LOC": "places", "PER": ""}),
    ([["LOC", "places"], ["PER", ""]], {"LOC": "places", "PER": ""}),
    (['Type: "x"/y'], {'Type: "x"/y': ""}),
    ([["a:b", "c"], ["@A", ""]], {"a:b": "c", "@A": ""}),
    ({"a:b": "c"}, "pairs"),
    ({"*": "c"}, "pairs"),
    ({"@A": "c"}, "A"),
    (["LOC", "LOC"], "'LOC' is there twice"),
    ("LOC, PER, LOC", "'LOC' is there twice"),
    ([["LOC", "places"], ["LOC", "towns"]], "'LOC' is there twice"),
    (("LOC", "PER"), {"LOC": "", "PER": ""}),
    (["LOC", " "], "not the name"),
    (["LOC", None], "None is not the name"),
    ([1, 2], "1 is not the name"),
    ({"LOC": None}, "the description of 'LOC' must be a string"),
    ("LOC,,PER", "not the name"),
    (["US$"], "write"),
]


@pytest.mark.parametrize("given, expected", GIVEN, ids=lambda value: str(value)[:20])
def test_component_and_task_have_one_rule_for_labels(lm_folder, given, expected):
    def component():
        config = {"model": {"name": str(lm_folder)}, "labels": given}
        return spacy.blank("xx").add_pipe("padellm_ner", config=config)

    def task():
        block = {"@llm_tasks": "spacy_padellm.NER.v1", "labels": given}
        model = {"@llm_models": "spacy_padellm.CausalLM.v1", "name": str(lm_folder)}
        nlp = spacy.blank("xx")
        pipe = nlp.add_pipe("llm", config={"task": block, "model": model})
        assert list(nlp.pipe(["Ada is in Rome."]))
        return pipe.task

    if isinstance(expected, dict):
        assert component().label_set.configured == task().question().labels == expected
        return
    for make in (component, task):
        with pytest.raises(ValueError, match=expected):
            make()


def test_labels_at_load_win_in_the_task_too(lm_folder, tmp_path):
    block = {"@llm_tasks": "spacy_padellm.NER.v1", "labels": ["LOC"]}
    model = {"@llm_models": "spacy_padellm.CausalLM.v1", "name": str(lm_folder)}
    nlp = spacy.blank("xx")
    nlp.add_pipe("llm", config={"task": block, "model": model}).add_label("PER", "people")
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("llm").labels == ("LOC", "PER")
    change = {"components": {"llm": {"task": {"labels": [["ORG", "firms"]]}}}}
    task = spacy.load(tmp_path, config=change).get_pipe("llm").task
    assert task.question().labels == {"ORG": "firms"}


def test_labels_that_differ_in_case_are_told(random_nlp):
    with pytest.warns(UserWarning, match="'PER' and 'per' differ in case alone"):
        random_nlp(labels=["PER", "LOC", "per"])


def test_no_labels():
    nlp = spacy.blank("en")
    add_scratch_pipe(nlp)
    with pytest.raises(ValueError, match="padellm_ner has no labels: set `labels`"):
        nlp.initialize()


def test_unknown_labels_in_initialize(random_nlp):
    pipe = random_nlp(labels=["PER"]).get_pipe("padellm_ner")
    with pytest.raises(ValueError, match=r"initialize.labels has 'FOOD'.*setting `labels`"):
        pipe.initialize(lambda: make_examples(spacy.blank("en"), 5), labels=["PER", "FOOD"])


def test_gold_labels_that_are_not_asked(random_nlp, caplog):
    examples = make_examples(spacy.blank("en"), 20)
    with caplog.at_level("WARNING"):
        random_nlp(labels=["PER"]).get_pipe("padellm_ner").initialize(lambda: examples)
    assert "gold mentions of 'LOC' (" in caplog.text
    with pytest.raises(ValueError, match=r"no mention of 'PERSON'.*correct `labels`"):
        random_nlp(labels=["PERSON"]).get_pipe("padellm_ner").initialize(lambda: examples)


@pytest.mark.skipif(
    not (IN_THE_BOX["english"] / "padellm.json").exists(), reason="no model in the box yet"
)
def test_labels_that_a_stream_shows_too_late_are_warned_of_once(caplog):
    nlp = spacy.blank("en")
    add_scratch_pipe(nlp)
    examples = make_examples(nlp, 20)
    late = Example.from_dict(nlp.make_doc("Bo had ramen."), {"entities": [(7, 12, "DISH")]})
    nlp.initialize(lambda: examples)
    for _ in range(2):
        nlp.update([*examples[:2], late])
    (told,) = [r.getMessage() for r in caplog.records if "DISH" in r.getMessage()]
    assert "not learned" in told and "[initialize.components.padellm_ner]" in told


def test_the_model_in_the_box():
    nlp = spacy.blank("en")
    assert set(nlp.add_pipe("padellm_ner").labels) >= {"PER", "ORG", "LOC"}
    doc = nlp("Barack Obama was born in Hawaii.")
    assert ("Barack Obama", "PER") in [(ent.text, ent.label_) for ent in doc.ents]


def test_labels_and_descriptions_never_trained_are_warned_of(random_nlp):
    with pytest.warns(UserWarning, match=r"labels 'FOO', but with PER, LOC"):
        random_nlp(labels=["PER", "FOO"])("Ada came.")
    with pytest.warns(UserWarning, match="descriptions of 'PER'"):
        random_nlp(labels={"PER": "persons"})("Ada came.")
    nlp = random_nlp(labels=["FOOD"])
    doc = nlp.make_doc("Buy milk")
    examples = [Example.from_dict(doc, {"entities": [(4, 8, "FOOD")]})]
    nlp.initialize(lambda: examples)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        nlp("Buy milk")

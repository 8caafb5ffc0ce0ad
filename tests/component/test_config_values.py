"""Any string in any setting goes through a config and back, or is refused where it is set."""

import inspect
import shutil
import tempfile
from importlib.metadata import entry_points

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_pipelines import SIZES
from spacy.training import Example
from spacy.util import load_config_from_str, load_model_from_config, registry

from spacy_padellm.architectures.config_values import read_value, write_value
from spacy_padellm.tools.pipelines import open_pipeline

# What configs, their parser and JSON make something of. Lone surrogates crash the JSON of srsly
# before a component is asked.
TRICKY = [
    "$", "$$", "US$", "${x}", "${paths.train}", "${", "a:b", "a=b", "@A", "*", "#a", ";a", "[a]",
    " a", "a ", "a\nb", "a\rb", "a.b", "a]b", "%(x)s", "%", "__SECTION__:paths", "\\u0024", "\\",
    '"', "'a'", "True", "None", "null", "1", "{x}", "a, b", "\x00", "\x1c", "\u2028",
]  # fmt: skip
STRINGS = st.one_of(
    st.sampled_from(TRICKY), st.lists(st.sampled_from(TRICKY), max_size=3).map("".join), st.text()
)
CAUSAL = "spacy_padellm.CausalLM.v1"


def model(**fields):
    return {"model": {"@architectures": CAUSAL, **fields}}


def template(**fields):
    return model(template={"@misc": "spacy_padellm.PromptTemplate.v1", **fields})


def scratch(**fields):
    return {"model": {"@architectures": "spacy_padellm.CausalLMFromScratch.v1", **fields}}


def server(**fields):
    given = {"url": "http://localhost:1/v1", "model": "m", "tokenizer": "english"}
    return {"model": {"@architectures": "spacy_padellm.Server.v1", **given, **fields}}


def task(**fields):
    return {
        "task": {"@llm_tasks": "spacy_padellm.NER.v1", **fields},
        "model": {"@llm_models": CAUSAL},
    }


# Of each setting that takes a string of the user's: the config with it.
SAVED = {
    "labels": lambda s: {"labels": [s]},
    "labels in pairs": lambda s: {"labels": [[s, ""], ["LOC", s]]},
    "labels in a mapping": lambda s: {"labels": {s: "", "LOC": s}},
    "spans_key": lambda s: {"annotate": "spans", "spans_key": s},
    "label_noise": lambda s: {"label_noise": {"names": {s: ["a", s + "b"]}}},
    "before_text": lambda s: template(before_text=s),
    "description": lambda s: template(description="{description}" + s, end_of_mention=s),
    "changes": lambda s: template(changes={"after_label": s, "before_mention": "{i}." + s}),
    "the task's labels": lambda s: task(labels=[s, "LOC"]),
    "the task's labels in a mapping": lambda s: task(labels={s: s}),
    "label_definitions": lambda s: task(labels=["LOC"], label_definitions={"LOC": s}),
    "examples": lambda s: task(labels=["LOC"], examples=[{"text": s, "entities": {s: [s]}}]),
    "the task's spans_key": lambda s: task(annotate="spans", spans_key=s),
}
NAMED = {  # of models that are not there, and so cannot be saved
    "name": lambda s: model(name=s),
    "adapter": lambda s: model(adapter=s, revision=s),
    "device": lambda s: model(device=s),
    "devices": lambda s: model(devices=["cpu", s]),
    "architecture": lambda s: scratch(architecture=s),
    "sizes": lambda s: scratch(sizes={"hidden_act": s, s + "x": 1, "scaling": {s + "y": s}}),
    "server": lambda s: server(model=s, tokenizer=s, api_key_env=s),
    "extra": lambda s: server(extra={"a": s, s + "x": {"b": [s, {s: s}]}}),
}


def make(config):
    nlp = spacy.blank("xx")
    nlp.add_pipe("llm" if "task" in config else "padellm_ner", name="ner", config=config)
    return nlp


def state(nlp):
    """What the component was made with."""
    pipe = nlp.get_pipe("ner")
    if hasattr(pipe, "_task"):
        return pipe._task.prompt_template  # spacy-llm hands its task out by no public door
    shim = pipe.shim
    made = shim.origin if hasattr(shim, "origin") else (shim.server, shim.tokenizer)
    return pipe.label_set.configured, pipe.settings, made


def through_config(nlp):
    return load_model_from_config(load_config_from_str(nlp.config.to_str()), auto_fill=True)


def through_the_object(nlp):
    return type(nlp).from_config(nlp.config)


def through_disk(nlp):
    with tempfile.TemporaryDirectory() as folder:
        nlp.to_disk(folder, exclude=["vocab"])
        return spacy.load(folder)


def through_bytes(nlp):
    return type(nlp).from_config(nlp.config).from_bytes(nlp.to_bytes(exclude=["vocab"]))


def check(config, trips):
    """The same thing comes out of every trip, and the config does not grow."""
    try:
        nlp = make(config)
    except ValueError:
        return
    made, length = state(nlp), None
    for trip in trips:
        nlp = trip(nlp)
        assert state(nlp) == made
        assert length in (None, len(nlp.config.to_str()))
        length = len(nlp.config.to_str())


@pytest.mark.parametrize("setting", [*SAVED, *NAMED])
def test_plain_strings_are_taken(setting):
    assert state(make({**SAVED, **NAMED}[setting]("A b")))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from([*SAVED, *NAMED]), STRINGS)
def test_configs_keep_any_string_or_it_is_refused(setting, string):
    config = {**SAVED, **NAMED}[setting](string)
    check(config, [through_config, through_the_object, through_config, through_config])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(setting=st.sampled_from([*SAVED]), string=STRINGS)
def test_saved_pipelines_keep_any_string_or_it_is_refused(lm_folder, setting, string):
    config = SAVED[setting](string)
    if "task" not in config:
        config["model"] = {**config.get("model", {}), "name": str(lm_folder)}
    check(config, [through_disk, through_bytes, through_disk])


@given(st.recursive(STRINGS, lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner)))
def test_what_is_written_is_read(value):
    try:
        read = read_value([write_value(value)], "x")
    except ValueError:
        return
    assert "\\u0024" in str(value) or read == [value]


# --- every function that a config names

GROUPS = {
    "spacy_factories": "factories",
    "spacy_architectures": "architectures",
    "spacy_misc": "misc",
    "spacy_readers": "readers",
    "thinc_llm_tasks": "llm_tasks",
    "thinc_llm_models": "llm_models",
    "thinc_llm_misc": "llm_misc",
}
GIVEN = {
    "url": "http://localhost:1/v1", "model": "m", "tokenizer": "english", "path": "x",
    "corpora": {},
}  # fmt: skip


def string_settings():
    for group, name in GROUPS.items():
        for point in entry_points(group=group):
            if not point.value.startswith("spacy_padellm"):
                continue
            for parameter in inspect.signature(point.load()).parameters.values():
                kind = str(parameter.annotation)
                is_name = group == "spacy_factories" and parameter.name == "name"
                if "str" in kind and "Callable" not in kind and not is_name:
                    yield name, point.name, parameter.name, kind


@pytest.mark.parametrize("group, name, setting, kind", string_settings())
def test_every_setting_refuses_what_a_config_would_double(group, name, setting, kind):
    value = "a$b"
    if "Any" in kind or (name.startswith("spacy_padellm.Mixture") and "dict" in kind):
        value = {"a": ["a$b"]}
    elif "list" in kind:
        value = ["a$b"]
    made = registry.get(group, name)
    needed = {
        n: GIVEN[n] for n, p in inspect.signature(made).parameters.items()
        if p.default is p.empty and n in GIVEN and group != "factories"
    }  # fmt: skip
    block = {f"@{group}": name, **needed, setting: value}
    if group == "factories":
        with pytest.raises(ValueError, match=r"\$|choose one"):
            spacy.blank("xx").add_pipe(name, config={setting: value})
        return
    with pytest.raises(ValueError):
        registry.resolve({"block": block})


def test_there_are_settings_to_refuse_it():
    found = {(name, setting) for _, name, setting, _ in string_settings()}
    assert len(found) > 50
    assert {("padellm_ner", "spans_key"), ("spacy_padellm.Corpus.v1", "path")} <= found


# --- and what to do about it


def test_the_error_says_what_to_write_and_that_is_read(random_nlp):
    with pytest.raises(ValueError, match=r"labels.PRICE: .*write 'at most \\\\u00245'"):
        random_nlp(labels={"PRICE": "at most $5"})
    pipe = random_nlp(labels={"PRICE": "at most \\u00245"}).get_pipe("padellm_ner")
    assert pipe.label_data == {"PRICE": "at most $5"}


def test_labels_beside_the_config_hold_anything(random_nlp):
    nlp = random_nlp()
    with pytest.warns(UserWarning, match="not trained"):
        nlp.get_pipe("padellm_ner").add_label("US$$: ${x}", "at most $5")
    for trip in (through_disk, through_disk):
        nlp = trip(nlp)
        assert nlp.get_pipe("padellm_ner").label_data["US$$: ${x}"] == "at most $5"


def test_labels_of_the_examples_hold_anything():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("padellm_ner", config=scratch(sizes=SIZES, vocab_size=300, max_count=2))
    examples = [
        Example.from_dict(nlp.make_doc(f"Pay {n} now"), {"entities": [(4, 5, label)]})
        for n, label in enumerate(["US$", "${x}"] * 5)
    ]
    nlp.initialize(lambda: examples)
    assert pipe.labels == ("${x}", "US$")
    for trip in (through_disk, through_disk):
        nlp = trip(nlp)
        assert nlp.get_pipe("padellm_ner").labels == ("${x}", "US$")
    with pytest.raises(ValueError, match=r"initialize.labels has .*was 'US\$'.*in a file"):
        pipe.initialize(lambda: examples, labels=["US$$"])


def test_a_folder_with_a_dollar_is_opened_by_the_commands(lm_folder, tmp_path):
    shutil.copytree(lm_folder, tmp_path / "c$")
    _, pipe = open_pipeline(str(tmp_path / "c$"), labels="PER,US$")
    assert pipe.labels == ("PER", "US$")
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(lm_folder)}})
    nlp.to_disk(tmp_path / "pipeline")
    _, pipe = open_pipeline(str(tmp_path / "pipeline"), labels="US$")
    assert pipe.labels == ("US$",)

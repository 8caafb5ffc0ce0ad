"""Labels of requests: those of the pipeline, those that the model knows, and others."""

import warnings

import spacy

from serving.doors import code_of, in_app, spans_in

PATH = "/v1/extract"


def test_other_labels_are_asked_for_where_the_server_or_the_model_allow_it(
    scripted, plain_lm_folder
):
    asked = {"text": "Ada.", "labels": ["PER", "RIVER"]}
    script = {"Ada.": [("RIVER", "Ada", 0.9)]}
    answer = in_app(scripted(script)[0], lambda http, _: http.post(PATH, json=asked),
                    any_labels=True)  # fmt: skip
    assert spans_in(answer) == [[(0, 3, "RIVER")]]
    (warning,) = answer.json()["warnings"]
    assert "not trained for 'RIVER'" in warning
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(plain_lm_folder)}})

    async def test(http, _):
        known = (await http.get("/v1/labels")).json()
        none = await http.post(PATH, json={"text": "Ada."})
        return known, none, await http.post(PATH, json=asked)

    known, none, any_label = in_app(nlp, test)
    assert known == {"labels": {}, "trained": {}, "others": True}
    assert code_of(none) == (422, "unknown_label") and "name those to look for" in none.text
    assert any_label.status_code == 200 and any_label.json()["warnings"] == []


def test_labels_of_the_pipeline_that_the_model_does_not_know(scripted, caplog):
    """They may be asked for, and it is said what to expect; the model's own may be, too."""
    nlp, _ = scripted({"Ada.": [("LOC", "Ada", 0.9)]}, labels=["RIVER"])

    async def test(http, _):
        asked = ({}, {"labels": ["LOC"]}, {"labels": ["LAKE"]})
        answers = [await http.post(PATH, json={"text": "Ada.", **one}) for one in asked]
        return (await http.get("/v1/labels")).json(), *answers

    known, own, trained, unknown = in_app(nlp, test)
    assert known["labels"] == {"RIVER": ""} and "LOC" in known["trained"] and not known["others"]
    assert own.status_code == 200 and "not trained for 'RIVER'" in own.json()["warnings"][0]
    assert spans_in(trained) == [[(0, 3, "LOC")]] and trained.json()["warnings"] == []
    assert code_of(unknown) == (422, "unknown_label")
    assert f"It knows: {', '.join(known['trained'])}." in unknown.text
    assert "labels of the pipeline: the model was not trained for 'RIVER': expect" in caplog.text


def test_a_label_that_is_misspelt(scripted, caplog):
    """What may have been meant is said, of labels and thresholds, in answers and in the log."""
    nlp, _ = scripted({}, labels=["PRE", "LOC"])

    async def test(http, _):
        asked = ({}, {"labels": ["LCO"]}, {"threshold": {"LCO": 0.5}}, {"labels": ["GPE"]})
        return [await http.post(PATH, json={"text": "Ada.", **one}) for one in asked]

    own, label, threshold, far = in_app(nlp, test)
    (warning,) = own.json()["warnings"]
    assert warning == (
        "The model was not trained for 'PRE' (did you mean 'PER'?): expect poor entities."
    )
    assert "labels of the pipeline: the model was not trained for 'PRE' (did you" in caplog.text
    assert "not trained for 'LCO' (did you mean 'LOC'?). It knows" in label.text
    assert "`threshold` names 'LCO' (did you mean 'LOC'?), which is not in" in threshold.text
    assert "not trained for 'GPE'. It knows" in far.text
    asked = {"text": "Ada.", "labels": ["LCO"]}
    why = in_app(nlp, lambda http, _: http.post("/v1/explain", json=asked))
    assert "not trained for 'LCO' (did you mean 'LOC'?). It knows" in why.text


def test_where_a_model_is_stays_on_the_server(scripted):
    nlp, _ = scripted({})
    model = nlp.get_pipe("padellm_ner").shim.loaded.lm.name
    assert "/" in model
    broken, _ = scripted({"Choke.": ValueError(f"{model} takes 5 tokens")})

    async def test(http, _):
        return await http.post(PATH, json={"text": "Choke."})

    answer = in_app(broken, test)
    assert code_of(answer) == (422, "invalid_request") and " takes 5 tokens" in answer.text
    assert model not in answer.text and model.rpartition("/")[2] in answer.text
    why = in_app(nlp, lambda http, _: http.post("/v1/explain", json={"text": "Ada."}))
    assert why.json()["model"] == model.rpartition("/")[2]


def test_labels_of_requests_are_warned_of_in_answers_alone(scripted):
    """And the warnings of the process that makes the app stay as they are."""
    (served, _), (other, _) = scripted({}), scripted({})
    doc = other.make_doc("Ada.")
    doc._.padellm_labels = ["RIVER"]
    requests = [{"text": "Ada.", "labels": ["RIVER"]}, {"text": "Ada.", "labels": {"PER": "who"}}]

    async def test(http, _):
        return [(await http.post(PATH, json=asked)).json()["warnings"] for asked in requests]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before = [*warnings.filters]
        assert [len(said) for said in in_app(served, test, any_labels=True)] == [1, 1]
        assert warnings.filters == before
        assert not [one for one in told if "not trained" in str(one.message)]
        list(other.pipe([doc]))
        assert [one for one in told if "not trained" in str(one.message)]

"""Labels that are not known: what may have been meant is said wherever a label is named."""

import re
import warnings

import pytest

from spacy_padellm.meant import closest

TEXT = "Ada came."


def told(nlp, **attributes):
    """All that a text warns of, or the error that it raises."""
    doc = nlp.make_doc(TEXT)
    for name, value in attributes.items():
        doc._.set(f"padellm_{name}", value)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            nlp(doc)
        except ValueError as error:
            return str(error)
    return "\n".join(str(one.message) for one in found)


def test_labels_of_config_and_doc(random_nlp):
    assert "labels 'LCO' (did you mean 'LOC'?), but with PER, LOC" in told(
        random_nlp(labels=["PER", "LCO"])
    )
    assert "labels 'per' (did you mean 'PER'?), 'DATE', but" in told(
        random_nlp(labels=["per", "DATE"])
    )
    # What is asked for already is not what was meant.
    assert "labels 'LCO', but with PER, LOC" in told(random_nlp(labels=["LOC", "LCO"]))


def test_a_label_that_is_added(random_nlp):
    nlp = random_nlp()
    with pytest.warns(UserWarning, match=re.escape("label 'PRE' (did you mean 'PER'?) and is")):
        nlp.get_pipe("padellm_ner").add_label("PRE")


def test_thresholds(random_nlp):
    assert "threshold names 'PRE' (did you mean 'PER'?), which is none of" in told(
        random_nlp(threshold={"PRE": 0.5})
    )
    assert "padellm_threshold names 'PRE' (did you mean 'PER'?), and the labels" in told(
        random_nlp(), threshold={"PRE": 0.5}
    )
    with pytest.raises(ValueError, match=re.escape("names 'PRE' (did you mean 'PER'?), which")):
        random_nlp(labels=["PER", "LOC"], threshold={"PRE": 0.5})
    # The other has a threshold already.
    assert "names 'PERS', which" in told(random_nlp(threshold={"PER": 0.5, "PERS": 0.5}))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[(name, "PER") for name in ("PRE", "per", "Pers", "PERSON", "PR")],
        *[(name, "ORG") for name in ("OGR", "ORGS", "org")],
        *[(name, None) for name in ("GPE", "DATE", "RIVER", "x", "", "é" * 10_000)],
    ],
)
def test_what_is_close(name, meant):
    assert closest(name, ["PER", "ORG", "LOC"]) == meant

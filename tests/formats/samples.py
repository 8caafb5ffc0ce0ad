"""Texts that formats must bring through, and ways to compare them."""

from spacy_padellm.formats.annotated_text import AnnotatedText, in_order


def mark(text, *mentions, **more):
    """mark("In Rome", ("Rome", "LOC")): each mention's first occurrence."""
    spans = [
        (text.index(string), text.index(string) + len(string), label) for string, label in mentions
    ]
    return AnnotatedText(text, in_order(spans), **more)


FLAT = [
    mark("Ada Lovelace met Babbage in London .", ("Ada Lovelace", "PER"), ("London", "LOC")),
    mark("Nobody came ."),
    mark("小明 在 北京 👩‍👩‍👧 !", ("小明", "PER"), ("北京", "LOC"), ("👩‍👩‍👧", "MISC")),
    mark("Cafe\u0301 Zu\u0308rich , I\u0307stanbul", ("Zu\u0308rich", "LOC")),
    mark("a a a", ("a", "X")),
    mark('He said " \\ < & | "', ("\\", "SIGN")),
]
NESTED = mark(
    "the University of New York wins",
    ("University of New York", "ORG"),
    ("New York", "LOC"),
    ("the University", "ORG"),
)
EMPTY = mark("")


def places(texts):
    return [(text.text, text.spans) for text in texts]

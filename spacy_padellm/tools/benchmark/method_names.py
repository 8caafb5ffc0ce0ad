"""The ways of decoding that can be measured: known without what they are made of."""

METHODS: dict[str, str] = {
    "paper": "the paper's algorithm: a prompt for each label and for each mention",
    "paper-copy": "the same, mentions held to slices of the text",
    "rows": "the text's cache repeated for each label and mention, mentions copied",
    "tree-free": "one prompt tree a text, mentions generated freely",
    "tree": "one prompt tree a text, mentions copied",
    "ahead": "the same, drafts and likely mentions read along (the default)",
    "compiled": "the same in fixed shapes, compiled before the measurement begins",
    "pointers": "where mentions begin and end, in one pass (models that point, and no other way)",
    "structured": "autoregressive: one list of label and mention pairs a text",
    "augmented": "autoregressive: the text again, mentions marked in it",
    "augmented-lookup": "the same, drafted by prompt lookup where texts come one by one",
}

# A model that was trained with the template's `copies` has not learned to write for these.
FREE_METHODS = ("paper", "tree-free", "structured", "augmented", "augmented-lookup")


def check_method(method: str) -> None:
    """Raises ValueError for a method that does not exist."""
    if method not in METHODS:
        raise ValueError(f"method {method!r}: choose from {', '.join(METHODS)}")

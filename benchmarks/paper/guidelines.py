"""What annotators are told of a label, in a sentence, as GoLLIE puts it into prompts."""

from collections.abc import Sequence

GUIDELINES: dict[str, dict[str, str]] = {
    "conll03": {
        "PER": "names of people, also of families and fictional characters, without titles",
        "ORG": "names of companies, agencies, political groups, and teams, also where a city "
        "stands for its team",
        "LOC": "names of countries, regions, cities, rivers, mountains, and buildings",
        "MISC": "names that are none of these: nationalities, events, works, and adjectives of "
        "places",
    },
}


def check_guided(sets: Sequence[str], templates: Sequence[str]) -> None:
    """Raises ValueError where a set has no guidelines, or a template has no room for them."""
    for name in sets:
        guidelines(name)
    if left := [name for name in templates if name != "plain"]:
        raise ValueError(
            f"--prompts guided: guidelines are read as plain text, and labels of {left[0]} are "
            f"tokens: give --templates plain"
        )


def guidelines(name: str) -> dict[str, str]:
    """By label. Raises ValueError for a set without any."""
    if name not in GUIDELINES:
        raise ValueError(
            f"there are no guidelines for {name}, only for {', '.join(GUIDELINES)}: leave out "
            f"--prompts guided, or write some into paper/guidelines.py"
        )
    return GUIDELINES[name]

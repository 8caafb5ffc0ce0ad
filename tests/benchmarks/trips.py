"""A set of trips, and what the benchmarks of the paper say of it."""

import json

from sample_pipelines import CITIES, NAMES

FORMATS = ("padellm", "structured", "augmented")


def sentence(i):
    name, city = NAMES[i % len(NAMES)], CITIES[i % 5]
    text = f"{name} left {city} today."
    at = len(name) + 6
    return {"text": text, "ents": [[0, len(name), "PER"], [at, at + len(city), "LOC"]]}


def records(place):
    """Of the output in a folder, by format."""
    lines = (place / "out.jsonl").read_text().split("\n")
    return {of["format"]: of for of in map(json.loads, filter(None, lines))}


def cell_of(place, name):
    return place / "out_cells" / f"plain-trips-plain-bare-{name}-0"

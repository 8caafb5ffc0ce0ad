"""Colours of labels: those that displaCy gives the labels of the model in the box, and others."""

import colorsys
import hashlib

COLORS = {"PER": "#aa9cfc", "ORG": "#7aecec", "LOC": "#ff9561"}


def color_of(label: str) -> str:
    """#rrggbb: of the labels of the model in the box, or made of the label's name."""
    if label in COLORS:
        return COLORS[label]
    hue = int.from_bytes(hashlib.blake2b(label.encode(), digest_size=2).digest(), "big") / 65536
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72, 0.75)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"

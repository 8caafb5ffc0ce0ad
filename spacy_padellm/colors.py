"""Colours that displaCy gives the labels of the model in the box."""

COLORS = {"PER": "#aa9cfc", "ORG": "#7aecec", "LOC": "#ff9561"}

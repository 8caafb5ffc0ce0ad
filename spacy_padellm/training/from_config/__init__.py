"""A `spacy train` config, run by the Trainer."""

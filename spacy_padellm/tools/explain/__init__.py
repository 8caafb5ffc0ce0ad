"""Why an entity was found: what the model said of a text, as data, as a page, and on a server."""

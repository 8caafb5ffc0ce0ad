"""Models behind a server: an OpenAI-compatible completions endpoint with log-probabilities."""

"""Fixtures of the component's tests."""

import time

import pytest
import transformers


@pytest.fixture
def loads(monkeypatch):
    """Watches what transformers loads: how many models so far, and how many most at a time."""
    real = transformers.AutoModelForCausalLM.from_pretrained
    seen = {"loads": 0, "now": 0, "most": 0}

    def slow(*args, **kwargs):
        seen["loads"] += 1
        seen["now"] += 1
        seen["most"] = max(seen["most"], seen["now"])
        try:
            time.sleep(0.05)
            return real(*args, **kwargs)
        finally:
            seen["now"] -= 1

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", slow)
    return seen

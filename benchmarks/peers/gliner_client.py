"""GLiNER in a process of another environment, which times itself."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import Run

from spacy_padellm.formats.gold_text import GoldText

SERVER = Path(__file__).with_name("gliner_server.py")


@dataclass
class Gliner:
    """GLiNER in another process, which times itself: a JSON line in, one out."""

    process: Any
    name: str = "GLiNER"
    compared: str = "random weights, like size, finds about as many mentions as gold: speed only"
    parameters: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    def start(self, texts: Sequence[GoldText], threads: int) -> None:
        mentions = sum(len(text.spans) for text in texts)
        sent = {"texts": [text.text for text in texts], "mentions": mentions, "threads": threads}
        self.about = self._ask(sent)
        self.parameters = self.about.pop("parameters")

    def run(self, n: int, size: int) -> Run:
        return Run(**self._ask({"n": n, "size": size}))

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        print(json.dumps(question), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the process of GLiNER has ended: see its messages above")
        return json.loads(line)


@contextlib.contextmanager
def open_gliner(python: Path | None) -> Iterator[Gliner | None]:
    """None: where no interpreter is given."""
    if python is None:
        yield None
        return
    with subprocess.Popen(
        [str(python), str(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf8",
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"},
    ) as process:
        yield Gliner(process)

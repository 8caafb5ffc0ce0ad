"""Texts and labels in, counts and mentions with probabilities out. Knows nothing of spaCy."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from ..lm.batching import halve_on_memory_error, plan_batches
from ..lm.session import AskedLabels, PointingSessionModel, Session, SessionModel
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.prediction import Prediction
from .copying import TextSlices
from .counts import decode_counts
from .mentions import decode_mentions
from .pointing import read_pointers
from .questions import Questions
from .settings import DecodingSettings
from .speculation import Speculation
from .text_decoder import Batch, DecodingWork, TextDecoder, TextInput, ask_texts, in_order


@dataclass
class Decoder(TextDecoder):
    """Two-step parallel decoding (PaDeLLM-NER, section 3).

    encoder: with the most mentions of a label that are asked for, reported where there are more.

    Raises ValueError where the method, or the template, cannot serve this model.
    """

    lm: SessionModel
    encoder: PromptEncoder
    settings: DecodingSettings = field(default_factory=DecodingSettings)
    work: DecodingWork = field(default_factory=DecodingWork)

    def __post_init__(self) -> None:
        self.method = self.settings.method_for(self.lm)
        drafts, guesses = self.settings.draft_tokens, self.settings.guess_counts
        if self.method == "paper":
            drafts, guesses = 0, ()
        self.speculation = Speculation(drafts, guesses, prefix_first=self.method != "tree")
        if self.encoder.template.bidirectional and not self.lm.tree:
            raise ValueError(
                f"template {self.encoder.template.name!r} is bidirectional, which "
                f"{self.lm.name} cannot do: train it with bidirectional = false"
            )

    def plan(
        self, texts: Sequence[TextInput | str], labels: Sequence[str] = (), parts: int = 1
    ) -> list[Batch]:
        """The batches of some texts, encoded, the longest first; about `parts` at least. Where
        labels are asked apart from texts, those of a batch have the same. Raises ValueError for a
        text without labels, or beyond the model's positions.
        """
        items = ask_texts(self.encoder, texts, labels)
        for _, prompt in items:
            self._check_length(prompt)
        sizes = [self._cost(prompt) for _, prompt in items]
        budget, total = self.settings.token_budget, sum(sizes)
        padded = self.method == "pointers"
        if padded:
            total = len(sizes) * max(sizes, default=0)
            budget = min(budget, cast(PointingSessionModel, self.lm).pointing_tokens)
        budget = min(budget, -(-total // parts))
        alike: dict[tuple[str, ...], list[int]] = {}
        for i, (_, prompt) in enumerate(items):
            alike.setdefault(prompt.labels if padded else (), []).append(i)
        plans = [
            [some[i] for i in plan]
            for some in alike.values()
            for plan in plan_batches([sizes[i] for i in some], budget, padded)
        ]
        return [Batch(indices, [items[i] for i in indices]) for indices in plans]

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        """A prediction for each text that the batches were planned for."""
        return in_order(batches, map(self.run, batches))

    def run(self, batch: Batch) -> list[Prediction]:
        """A prediction for each text of a batch; in smaller batches where memory runs out."""
        return halve_on_memory_error(self._decode, batch.items, self.lm.free_memory)

    def on(self, lm: SessionModel) -> "Decoder":
        """The same decoder with a copy of its model; the work of both is one."""
        return replace(self, lm=lm)

    def _decode(self, items: Sequence[tuple[TextInput, TextPrompt]]) -> list[Prediction]:
        if self.method == "pointers":
            return self._read_pointers(items)
        prompts = [prompt for _, prompt in items]
        slices = None
        if self.settings.copy:
            slices = [TextSlices(p.encoded, t.starts, t.ends) for t, p in items]
        questions = Questions(self.encoder, slices)
        both_ways = self.encoder.template.bidirectional
        opened = self.lm.open_session(prompts, self.method, both_ways, questions.choices)
        with contextlib.closing(opened) as session:
            return self._decode_with(session, prompts, questions)

    def _read_pointers(self, items: Sequence[tuple[TextInput, TextPrompt]]) -> list[Prediction]:
        """One pass for each set of labels that is asked; one in all where texts are alike."""
        lm = cast(PointingSessionModel, self.lm)
        found: dict[int, Prediction] = {}
        for labels in dict.fromkeys(prompt.labels for _, prompt in items):
            alike = [i for i, (_, prompt) in enumerate(items) if prompt.labels == labels]
            prompts = [items[i][1] for i in alike]
            asked = AskedLabels(labels, tuple(map(self.encoder.label_ids, labels)))
            both_ways = self.encoder.template.bidirectional
            probabilities = lm.point_at(prompts, asked, both_ways)
            for i, of_text in zip(alike, probabilities, strict=True):
                text, prompt = items[i]
                slices = TextSlices(prompt.encoded, text.starts, text.ends)
                found[i] = read_pointers(
                    prompt,
                    slices,
                    of_text,
                    self.settings.max_mention_tokens,
                    self.settings.start_threshold,
                )
            tokens = len(prompts) * max(len(prompt.trunk) for prompt in prompts)
            self.work.add(DecodingWork(passes=1, tokens=tokens))
        self.work.add(DecodingWork(texts=len(items), batches=1))
        return [found[i] for i in range(len(items))]

    def _decode_with(
        self,
        session: Session,
        prompts: Sequence[TextPrompt],
        questions: Questions,
    ) -> list[Prediction]:
        began = time.perf_counter()
        states = decode_counts(session, self.encoder, prompts, questions, self.speculation)
        if session.passes == 1:
            self.speculation.cost.add(session.tokens, time.perf_counter() - began)
        mentions = decode_mentions(
            session,
            self.encoder,
            prompts,
            states,
            questions,
            self.settings,
            self.speculation,
        )
        counts = [[state.count for state in of_text] for of_text in states]
        done = DecodingWork(len(prompts), 1, session.passes, session.tokens, session.kept)
        self.work.add(done)
        return [Prediction(c, m) for c, m in zip(counts, mentions, strict=True)]

    def _cost(self, prompt: TextPrompt) -> int:
        if self.method == "pointers":  # labels are asked apart
            return len(prompt.trunk)
        if self.method == "tree":
            return prompt.size
        return (len(prompt.trunk) + max(map(len, prompt.branches))) * len(prompt.branches)

    def _check_length(self, prompt: TextPrompt) -> None:
        limit = self.lm.max_positions
        length = len(prompt.trunk) + max(map(len, prompt.branches))
        if limit is not None and length > limit:
            raise ValueError(
                f"a text of {len(prompt.encoded.ids)} tokens is beyond the {limit} positions of "
                f"{self.lm.name}: split it (the component's setting `window` does)"
            )

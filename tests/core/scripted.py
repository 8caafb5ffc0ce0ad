"""A language model that says what it is told: for tests of the two decoding steps."""

import math

import torch

from spacy_padellm.decoding import Decoder
from spacy_padellm.decoding.choices import Choices


class ScriptedSession:
    """After a path of ids comes the id that the script gives it, with probability 0.9.

    script: function from the ids of a branch to the next id.
    """

    def __init__(self, script, vocabulary):
        self.script, self.vocabulary = script, vocabulary
        self.passes = self.tokens = self.kept = 0
        self.choices = Choices()
        self.batches = []

    def extend(self, branches, wanted=None):
        self.passes += 1
        self.tokens += len(branches)
        self.batches.append([list(branch.ids) for branch in branches])
        wanted = wanted or [1] * len(branches)
        logits = torch.full((sum(wanted), self.vocabulary), math.log(0.1 / (self.vocabulary - 1)))
        row = 0
        for branch, n in zip(branches, wanted, strict=True):
            branch.nodes = list(range(len(branch.ids)))
            for end in range(len(branch.ids) - n + 1, len(branch.ids) + 1):
                logits[row][self.script(branch.ids[:end])] = math.log(0.9)
                row += 1
        return logits

    def close(self):
        pass


class ScriptedDecoder(Decoder):
    """A decoder whose answers come from gold: {text: {label: [mention strings]}}."""

    def __init__(self, lm, encoder, answers, **settings):
        super().__init__(lm, encoder, **settings)
        self.answers = answers
        self.sessions = []

    def _open(self, prompts):
        encoder, expected = self.encoder, {}
        for prompt in prompts:
            for label in prompt.labels:
                mentions = self.answers[prompt.encoded.text].get(label, [])
                path, targets = encoder.count_targets(prompt, label, len(mentions))
                self._tell(expected, path, targets)
                for index, mention in enumerate(mentions, 1):
                    path = encoder.mention_path(prompt, label, len(mentions), index)
                    ids = encoder.encode_text(mention).ids
                    self._tell(expected, path, [*ids, encoder.mention_end_ids[0]])
        end = encoder.mention_end_ids[0]
        session = ScriptedSession(lambda ids: expected.get(tuple(ids), end), len(encoder.tokenizer))
        self.sessions.append(session)
        return session

    @staticmethod
    def _tell(expected, path, targets):
        for i, target in enumerate(targets):
            expected[(*path, *targets[:i])] = target

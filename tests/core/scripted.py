"""A language model that says what it is told: for tests of the two decoding steps."""

import math

import numpy as np

from spacy_padellm.lm.session import Answer

SURE = 0.9  # the probability of what the script says


class ScriptedModel:
    """Answers from gold: {text: {label: [mention strings]}}. most_texts: in a batch, before its
    memory is full."""

    points = False

    def __init__(self, encoder, answers, most_texts=math.inf):
        self.name, self.tree, self.max_positions = "scripted", True, None
        self.encoder, self.answers, self.most_texts = encoder, answers, most_texts
        self.sessions = []

    def open_session(self, prompts, method, bidirectional, choices):
        if len(prompts) > self.most_texts:
            raise RuntimeError("CUDA out of memory")
        expected = {}
        for prompt in prompts:
            for label in prompt.labels:
                mentions = self.answers[prompt.encoded.text].get(label, [])
                path, targets = self.encoder.count_targets(prompt, label, len(mentions))
                _tell(expected, path, targets)
                for index, mention in enumerate(mentions, 1):
                    path = self.encoder.mention_path(prompt, label, len(mentions), index)
                    ids = self.encoder.encode_text(mention).ids
                    _tell(expected, path, [*ids, self.encoder.mention_end_ids[0]])
        end = self.encoder.mention_end_ids[0]
        vocabulary = len(self.encoder.tokenizer)
        session = ScriptedSession(lambda ids: expected.get(tuple(ids), end), vocabulary)
        self.sessions.append(session)
        return session

    def free_memory(self):
        pass


class ScriptedSession:
    """After a path of ids comes the id that the script gives it, with probability `SURE`.

    script: function from the ids of a branch to the next id.
    """

    def __init__(self, script, vocabulary):
        self.script, self.vocabulary = script, vocabulary
        self.passes = self.tokens = self.kept = 0
        self.batches = []

    def extend(self, branches, questions):
        self.passes += 1
        self.tokens += len(branches)
        self.batches.append([list(branch.ids) for branch in branches])
        answers = []
        for branch, asked in zip(branches, questions, strict=True):
            branch.nodes = list(range(len(branch.ids)))
            for behind, question in zip(range(len(asked))[::-1], asked, strict=True):
                told = self.script(branch.ids[: len(branch.ids) - behind])
                answers.append(self._answer(question, told))
        return answers

    def _answer(self, question, told):
        every = np.arange(self.vocabulary)
        ids = every if question.candidates is None else question.candidates
        among = every if question.among is None else question.among
        other = (1 - SURE) / (self.vocabulary - 1)
        weight = np.where(among == told, SURE, other).sum()
        answer = Answer(ids, np.log(np.where(ids == told, SURE, other) / weight))
        if question.candidates is None:
            best = answer.best()
            return Answer(answer.ids[[best]], answer.log_probs[[best]])
        return answer

    def close(self):
        pass


def _tell(expected, path, targets):
    for i, target in enumerate(targets):
        expected[(*path, *targets[:i])] = target

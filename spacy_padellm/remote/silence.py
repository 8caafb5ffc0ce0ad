"""Whether a server answers at all."""


class Silence:
    """What is known of one server; belongs to one event loop.

    answers: how many requests were answered, be it with a refusal. lasts: a request has failed
    after all its tries, none was answered while it was tried, and none since.
    """

    def __init__(self) -> None:
        self.answers = 0
        self.lasts = False

    def end(self) -> None:
        """A request was answered."""
        self.answers += 1
        self.lasts = False

    def since(self, answers: int) -> bool:
        """Of a request that has failed, begun after so many answers: notes whether the server was
        silent all the while, and says so."""
        silent = self.answers == answers
        self.lasts = self.lasts or silent
        return silent

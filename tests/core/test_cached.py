"""Values that are made once, also in a process that is forked while another thread makes one."""

import multiprocessing
import threading

from spacy_padellm.cached import cached_property


class Slow:
    def __init__(self, makes):
        self.makes = makes
        self.n = 0

    @cached_property
    def value(self):
        """What it is."""
        self.n += 1
        return self.makes()


def test_a_value_is_made_once_and_can_be_set_and_dropped():
    made = Slow(lambda: "x")
    assert (made.value, made.value, made.n) == ("x", "x", 1)
    assert Slow.value.__doc__ == "What it is."
    made.value = "y"
    assert made.value == "y"
    del made.value
    assert made.value == "x" and made.n == 2


def test_a_fork_amid_the_making_of_another_waits_for_nothing():
    begun, go = threading.Event(), threading.Event()

    def wait():
        begun.set()
        return go.wait(30)

    thread = threading.Thread(target=lambda: Slow(wait).value)
    thread.start()
    begun.wait(30)
    other = Slow(lambda: 1)
    process = multiprocessing.get_context("fork").Process(target=lambda: other.value)
    process.start()
    process.join(20)
    ended = process.exitcode
    go.set()
    thread.join()
    process.kill()
    assert ended == 0

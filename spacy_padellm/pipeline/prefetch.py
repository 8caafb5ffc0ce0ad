"""The next batch prepared in a thread while the current one is on its accelerator."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


def prefetch(
    items: Iterable[Item], prepare: Callable[[Item], Prepared], helps: Callable[[], bool]
) -> Iterator[tuple[Item, Callable[[], Prepared]]]:
    """Each item, in order, with a function that gives what `prepare` makes of it, or raises
    what it raises.

    helps: asked before each item whether the next one shall be prepared in the meantime; where
    not, an item is prepared when it is wanted, and none is taken before its time.
    """
    with ThreadPoolExecutor(1, "padellm-prepare") as pool:
        waiting: tuple[Item, Callable[[], Prepared]] | None = None
        try:
            for item in items:
                following = item, pool.submit(prepare, item).result if helps() else None
                if waiting is not None:
                    done, waiting = waiting, None
                    yield done
                if following[1] is None:
                    yield item, partial(prepare, item)
                else:
                    waiting = item, following[1]
        except GeneratorExit:
            raise
        except BaseException:  # of the stream: what came before it is not lost
            if waiting is not None:
                yield waiting
            raise
        if waiting is not None:
            yield waiting

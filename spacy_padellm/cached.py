"""Values that an object makes once, when they are first asked for."""

import functools
from typing import Any, TypeVar

T = TypeVar("T")


class cached_property(functools.cached_property[T]):
    """As Python 3.12 has it, without the lock of Python 3.10 and 3.11: a process that is forked
    while another thread holds that lock would wait for it for ever. Two threads may both make the
    value, and keep one."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        assert self.attrname is not None
        kept: dict[str, Any] = instance.__dict__
        if self.attrname not in kept:
            kept.setdefault(self.attrname, self.func(instance))
        return kept[self.attrname]

"""Properties that are computed once, for threads that compute at once."""

from functools import cached_property
from typing import Any, TypeVar, overload

_Value = TypeVar("_Value")


class lazy(cached_property[_Value]):
    """A ``cached_property`` without a lock.

    Python 3.11 has one lock for all instances of a class: threads that compute properties of each
    other's classes would wait for each other for ever.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> "lazy[_Value]": ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> _Value: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        name, known = str(self.attrname), instance.__dict__
        if name not in known:
            known[name] = self.func(instance)
        return known[name]

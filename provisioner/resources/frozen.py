"""`dataclasses`, as far as resources need it, without what its import costs.

On a host, importing `dataclasses` (and with it inspect, tokenize, ast) takes nearly as long as everything else that an
agent imports: 53 ms of CPU instead of 31 ms (Debian 12, a busy machine, median of 30). Type checkers and readers see
the real thing; these few lines are it at run time, on both sides. UNSHOWN of a class names fields that may be
secret: they are not in its representation.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace

    __all__ = ["asdict", "dataclass", "field", "names", "replace"]

    def names(cls: type) -> tuple[str, ...]:
        """The fields of a class, in order."""
else:

    class _Made:
        """A default that is made anew for each instance."""

        def __init__(self, make):
            self.make = make

    def field(*, default_factory):
        """A default that is made anew for each instance."""
        return _Made(default_factory)

    def dataclass(*, frozen):
        """A class whose instances are their annotated fields, and never change."""
        assert frozen

        def decorate(cls):
            fields = {}
            for base in reversed(cls.__mro__):
                for name, kind in getattr(base, "__annotations__", {}).items():
                    if not str(kind).startswith("ClassVar"):
                        fields.setdefault(name, None)
            cls.__fields__ = tuple(fields)
            cls.__init__, cls.__setattr__, cls.__delattr__ = _init, _refuse, _refuse
            cls.__eq__, cls.__hash__, cls.__repr__ = _equal, _hash, _repr
            return cls

        return decorate

    def _init(self, *values, **named):
        fields = self.__fields__
        if len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} values, not {len(values)}")
        given = dict(zip(fields, values))
        for name in named:
            if name not in fields or name in given:
                raise TypeError(f"{type(self).__name__}: {name} is {'given twice' if name in given else 'no field'}")
        given.update(named)
        for name in fields:
            if name not in given:
                default = getattr(type(self), name, _MISSING)
                if default is _MISSING:
                    raise TypeError(f"{type(self).__name__}: {name} is missing")
                given[name] = default.make() if isinstance(default, _Made) else default
            self.__dict__[name] = given[name]
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    def _refuse(self, name, *value):
        raise AttributeError(f"{type(self).__name__} is frozen: {name}")

    def _equal(self, other):
        return asdict(self) == asdict(other) if type(self) is type(other) else NotImplemented

    def _hash(self):
        return hash(tuple(asdict(self).values()))

    def _repr(self):
        values = {name: value for name, value in asdict(self).items() if name not in getattr(self, "UNSHOWN", ())}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def names(cls):
        """The fields of a class, in order."""
        return cls.__fields__

    def asdict(instance):
        """{field: value}; values as they are."""
        return {name: getattr(instance, name) for name in instance.__fields__}

    def replace(instance, **changes):
        """The same with other values."""
        return type(instance)(**{**asdict(instance), **changes})

    _MISSING = object()

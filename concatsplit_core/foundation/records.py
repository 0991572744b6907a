"""Named tuples and dataclasses that cost next to nothing to define.

A run of a few milliseconds imports over a hundred of these classes, and makes instances of some.
The standard library compiles the methods of a class as it is defined, which takes 0.1 to 0.6 ms;
here only the constructor is, and only for a class with many instances. A type checker sees the
standard library's, and what this project asks of them works in the same way.
"""

from __future__ import annotations

import collections
from operator import itemgetter
from typing import TYPE_CHECKING, Any

_NONE: Any = object()
"""Stands for a default that is not given."""
_ITEM: Any = getattr(
    collections, "_tuplegetter", lambda number, doc: property(itemgetter(number), doc=doc)
)
"""Makes a field, as the standard library does; to read it takes a third less than a property."""
_MANY = 50
"""How many instances of a class take as long without a compiled constructor as it takes to compile.

Most classes have fewer in a run of a few milliseconds.
"""


class _Tuple(tuple[Any, ...]):
    """What all named tuples can do."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    @classmethod
    def _make(cls, values: Any) -> Any:
        return cls(*values)

    def _replace(self, **changes: Any) -> Any:
        made = self._make(changes.pop(name, value) for name, value in self._asdict().items())
        if changes:
            raise TypeError(f"got unexpected field names: {list(changes)}")
        return made

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({shown})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


def _tuple_class(name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
    names = tuple(body.get("__annotations__", ()))
    defaults = {each: body.pop(each) for each in names if each in body}
    body.update((each, _ITEM(number, None)) for number, each in enumerate(names))
    body |= {
        "__slots__": (),
        "__match_args__": names,
        "_fields": names,
        "_field_defaults": defaults,
    }

    new, calls, count = tuple.__new__, 0, len(names)

    def first(cls: Any, *values: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < _MANY:
            if not named and len(values) == count:
                return new(cls, values)
            filled = _filled_in(names, defaults, values, named)
            if filled is not None:
                return new(cls, filled)
        compile_constructor()
        return made.__new__(cls, *values, **named)

    def compile_constructor() -> None:
        parameters = ", ".join(f"{n}=defaults[{n!r}]" if n in defaults else n for n in names)
        code = f"lambda cls, {parameters}: new(cls, ({''.join(f'{n}, ' for n in names)}))"
        compiled = eval(code, {"new": new, "defaults": defaults})
        type.__setattr__(made, "__new__", staticmethod(compiled))

    made = type(name, (_Tuple, *bases), body | {"__new__": first})
    return made


def _filled_in(
    names: tuple[str, ...],
    defaults: dict[str, Any],
    values: tuple[Any, ...],
    named: dict[str, Any],
) -> list[Any] | None:
    """A value for every name; None where there are too few values, or too many."""
    given = dict(zip(names, values, strict=False))
    if len(values) > len(names) or not given.keys().isdisjoint(named):
        return None
    given = {**defaults, **given, **named}
    return [given[name] for name in names] if given.keys() == set(names) else None


class Field:
    """What a class says of one field, in the words of `dataclasses.field`."""

    __slots__ = ("compare", "default", "default_factory", "init", "kw_only", "name", "repr", "type")

    def __init__(
        self,
        default: Any = _NONE,
        default_factory: Any = _NONE,
        init: bool = True,
        repr: bool = True,
        compare: bool = True,
        kw_only: bool | None = None,
    ) -> None:
        self.default, self.default_factory, self.kw_only = default, default_factory, kw_only
        self.init, self.repr, self.compare = init, repr, compare
        self.name = self.type = ""

    @property
    def given(self) -> dict[str, Any]:
        """What was said of it."""
        names = ("default", "default_factory", "init", "repr", "compare", "kw_only")
        return {n: getattr(self, n) for n in names if getattr(self, n) is not _NONE}

    @property
    def is_optional(self) -> bool:
        """Whether there is a default."""
        return self.default is not _NONE or self.default_factory is not _NONE


def _fields(cls: type, kw_only: bool) -> list[Field]:
    """The fields that a class adds to those of its bases."""
    found = []
    for name, kind in cls.__annotations__.items():
        if not kind.startswith("ClassVar"):
            given = cls.__dict__.get(name, _NONE)
            each = given if isinstance(given, Field) else Field(given)
            each.name, each.type = name, kind
            each.kw_only = kw_only if each.kw_only is None else each.kw_only
            found.append(each)
    return found


def _data_class(
    cls: Any,
    frozen: bool = False,
    slots: bool = False,
    eq: bool = True,
    kw_only: bool = False,
    weakref_slot: bool = False,
) -> Any:
    inherited = {each.name: each for each in getattr(cls, "__record_fields__", ())}
    own = {each.name: each for each in _fields(cls, kw_only)}
    every = tuple((inherited | own).values())
    left_out = {"__dict__", "__weakref__", *(own if slots else ())}
    body = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    if slots:
        extra = ("__weakref__",) if weakref_slot else ()
        body["__slots__"] = (*(name for name in own if name not in inherited), *extra)
    body |= {
        "__record_fields__": every,
        "__dataclass_fields__": _Standard("__dataclass_fields__", frozen),
        "__dataclass_params__": _Standard("__dataclass_params__", frozen),
        "__match_args__": tuple(each.name for each in every if each.init and not each.kw_only),
        "__signature__": _Signature(),
    }

    calls = 0

    def first(self: Any, *values: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= _MANY or not _set_fields(self, every, frozen, values, named):
            _compile_constructor(made)
            made.__init__(self, *values, **named)
        elif hasattr(self, "__post_init__"):
            self.__post_init__()

    body["__init__"], body["__qualname__"] = first, cls.__qualname__
    body.setdefault("__repr__", _repr)
    if eq:
        body.setdefault("__eq__", _equals)
        body["__hash__"] = body.get("__hash__") or (_hash if frozen else None)
    if frozen:
        body |= {"__setattr__": _refuse_change, "__delattr__": _refuse_change}
        body |= {"__getstate__": _values, "__setstate__": _set_values}
    made = type(cls)(cls.__name__, cls.__bases__, body)
    return made


def _set_fields(
    record: Any,
    every: tuple[Field, ...],
    is_frozen: bool,
    values: tuple[Any, ...],
    named: dict[str, Any],
) -> bool:
    """Set the fields of a record; False, and none is set, if they are not what it takes."""
    positional = [each.name for each in every if each.init and not each.kw_only]
    given = dict(zip(positional, values, strict=False))
    if len(values) > len(positional) or not given.keys().isdisjoint(named):
        return False
    given |= named
    found = []
    for each in every:
        if each.init and each.name in given:
            found.append((each.name, given.pop(each.name)))
        elif each.is_optional:
            makes = each.default_factory is not _NONE
            found.append((each.name, each.default_factory() if makes else each.default))
        elif each.init:
            return False
    put = object.__setattr__ if is_frozen else setattr
    if not given:
        for name, value in found:
            put(record, name, value)
    return not given


def _compile_constructor(cls: Any) -> None:
    """Write ``__init__`` for the fields of a class, and put it in the place of the first one."""
    every: tuple[Field, ...] = cls.__record_fields__
    known: dict[str, Any] = {"set": object.__setattr__, "NONE": _NONE}
    is_frozen = cls.__setattr__ is _refuse_change
    head: list[str] = []
    body = ["pass"]
    for each in sorted(every, key=lambda each: bool(each.kw_only)):
        name, value = each.name, each.name
        known[f"default_{name}"], known[f"make_{name}"] = each.default, each.default_factory
        has_factory = each.default_factory is not _NONE
        if each.init:
            if each.kw_only and "*" not in head:
                head.append("*")
            default = "NONE" if has_factory else f"default_{name}"
            head.append(f"{name}={default}" if each.is_optional else name)
            value = f"make_{name}() if {name} is NONE else {name}" if has_factory else name
        elif not each.is_optional:
            continue
        else:
            value = f"make_{name}()" if has_factory else f"default_{name}"
        body.append(f"set(self, {name!r}, {value})" if is_frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    text = f"def __init__({', '.join(['self', *head])}):\n " + "\n ".join(body)
    exec(text, known)
    made = known["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    cls.__init__ = made


class _Signature:
    """Lets `inspect` see the true constructor of a class."""

    def __get__(self, record: Any, cls: Any) -> Any:
        if cls.__init__.__name__ == "first":
            _compile_constructor(cls)
        raise AttributeError("__signature__")  # inspect then looks at the constructor


class _Standard:
    """Lets the standard library see a dataclass of its own, to copy it or to derive from it."""

    def __init__(self, name: str, frozen: bool) -> None:
        self._name, self._frozen = name, frozen

    def __get__(self, record: Any, cls: Any) -> Any:
        import dataclasses

        made = dataclasses.make_dataclass(
            cls.__name__,
            [
                (each.name, each.type, dataclasses.field(**each.given))
                for each in cls.__record_fields__
            ],
            frozen=self._frozen,
        )
        for name in ("__dataclass_fields__", "__dataclass_params__"):
            setattr(cls, name, getattr(made, name))  # the next look finds it in this one's place
        return getattr(made, self._name)


def _values(record: Any) -> list[Any]:
    return [getattr(record, each.name) for each in record.__record_fields__]


def _set_values(record: Any, values: list[Any]) -> None:
    for each, value in zip(record.__record_fields__, values, strict=True):
        object.__setattr__(record, each.name, value)


def _repr(record: Any) -> str:
    shown = (f"{e.name}={getattr(record, e.name)!r}" for e in record.__record_fields__ if e.repr)
    return f"{type(record).__qualname__}({', '.join(shown)})"


def _compared(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, each.name) for each in record.__record_fields__ if each.compare)


def _equals(record: Any, other: Any) -> Any:
    if other.__class__ is not record.__class__:
        return NotImplemented
    return _compared(record) == _compared(other)


def _hash(record: Any) -> int:
    return hash(_compared(record))


def _refuse_change(record: Any, name: str, *_: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"{type(record).__qualname__} is frozen: {name!r} cannot be changed")


if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace
    from typing import NamedTuple
else:

    class _NamedTupleType(type):
        def __new__(cls, name, bases, body):
            return _tuple_class(name, tuple(b for b in bases if b is not NamedTuple), body)

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})

    field = Field

    def dataclass(cls=None, /, **options):
        """Give a class the constructor and the methods of `dataclasses.dataclass`."""
        return _data_class(cls, **options) if cls else lambda cls: _data_class(cls, **options)

    def fields(record):
        """The fields of a dataclass, or of one of its instances."""
        return record.__record_fields__

    def replace(record, /, **changes):
        """A copy of an instance of a dataclass with some of its fields changed."""
        for each in record.__record_fields__:
            if each.init:
                changes.setdefault(each.name, getattr(record, each.name))
        return type(record)(**changes)


__all__ = ["NamedTuple", "dataclass", "field", "fields", "replace"]

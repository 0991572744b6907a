"""Named tuples and dataclasses behave as the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
import weakref
from types import ModuleType
from typing import Any, ClassVar

import pytest

from concatsplit_core import Options
from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation import records


def classes(module: ModuleType, named_tuple: Any) -> dict[str, Any]:
    """The same classes, made by one implementation or the other."""

    class Pair(named_tuple):  # type: ignore[misc, valid-type]
        left: int
        right: str = "r"

        @property
        def both(self) -> str:
            return f"{self.left}{self.right}"

    class One[T](named_tuple):  # type: ignore[misc, valid-type]
        item: T

    @module.dataclass(frozen=True, slots=True)
    class Frozen:
        needed: int
        kind: ClassVar[str] = "plain"
        given: str = "g"
        made: list[int] = module.field(default_factory=list)
        seen: int = module.field(default=3, repr=False, compare=False)
        derived: int = module.field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "derived", self.needed + 1)

    @module.dataclass(slots=True, eq=False, weakref_slot=True)
    class Base:
        first: int
        second: int
        word: str = module.field(default="w", kw_only=True)

    @module.dataclass(slots=True, eq=False, kw_only=True)
    class Derived(Base):
        opened: Any = module.field(default=None, init=False)
        cache: dict[str, int] = module.field(default_factory=dict, init=False)
        third: int

    @module.dataclass(slots=True)
    class Open:
        value: int

    return {c.__name__: c for c in (Pair, One, Frozen, Base, Derived, Open)}


@pytest.fixture(params=["ours", "compiled", "standard"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every test holds for the standard library as well, which shows that it asks for the same.

    Ours get a compiled constructor when there are many of them.
    """
    if request.param == "compiled":
        monkeypatch.setattr(records, "_MANY", 1)
    if request.param != "standard":
        return classes(records, records.NamedTuple)
    return classes(dataclasses, typing.NamedTuple)


def test_the_standard_library_sees_one_dataclass(made: dict[str, Any]) -> None:
    for name in ("Frozen", "Base", "Derived"):
        seen = made[name].__dataclass_fields__
        assert made[name].__dataclass_fields__ is seen
        assert {each.name for each in dataclasses.fields(made[name])} == {*seen} - {"kind"}
    assert "third" not in made["Base"].__dataclass_fields__


def test_a_named_tuple_is_a_tuple_with_names(made: dict[str, Any]) -> None:
    pair = made["Pair"](1)
    assert pair == (1, "r") == made["Pair"](left=1) == made["Pair"]._make([1, "r"])
    assert (pair.left, pair.right, pair.both) == (1, "r", "1r")
    assert repr(pair) == "Pair(left=1, right='r')"
    assert pair._replace(right="s")._asdict() == {"left": 1, "right": "s"}
    assert pair._fields == ("left", "right")
    assert made["One"](item=5).item == 5
    assert made["Pair"].__match_args__ == ("left", "right")


def test_a_named_tuple_refuses_what_it_has_no_name_for(made: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        made["Pair"]()
    for wrong in ({"middle": 2}, {"left": 1}, {"left": 1, "right": "s"}):
        with pytest.raises(TypeError):
            made["Pair"](1, **wrong)
    with pytest.raises(TypeError):
        made["Pair"](1, "s", 3)
    with pytest.raises((TypeError, ValueError), match="middle"):  # a ValueError until Python 3.12
        made["Pair"](1)._replace(middle=2)
    with pytest.raises(AttributeError):
        made["Pair"](1).left = 2
    with pytest.raises(AttributeError):
        made["Pair"](1).other = 2


def test_a_frozen_record(made: dict[str, Any]) -> None:
    frozen = made["Frozen"]
    one, other = frozen(1, made=[2]), frozen(1, "g", [2], seen=4)
    assert one == other
    assert one != frozen(2, made=[2])
    assert one != (1, "g", [2])
    assert one.derived == 2
    assert frozen(1).made is not frozen(1).made
    assert repr(one).endswith("Frozen(needed=1, given='g', made=[2], derived=2)")
    assert hash(frozen(1, made=())) == hash(frozen(1, made=(), seen=4))
    for change in (lambda: setattr(one, "needed", 2), lambda: delattr(one, "needed")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="needed"):
            change()
    assert copy.copy(one) == one == copy.deepcopy(one)
    assert not hasattr(one, "__dict__")


def test_a_derived_record(made: dict[str, Any]) -> None:
    derived = made["Derived"](1, 2, third=3)
    assert (derived.first, derived.second, derived.word, derived.third) == (1, 2, "w", 3)
    assert (derived.opened, derived.cache) == (None, {})
    assert derived != made["Derived"](1, 2, third=3)
    assert weakref.ref(derived)() is derived
    derived.opened = 4
    assert derived.opened == 4
    with pytest.raises(AttributeError):
        derived.unknown = 1
    with pytest.raises(TypeError):
        made["Derived"](1, 2, 3)
    with pytest.raises(TypeError):
        made["Derived"](1, 2)
    assert made["Derived"].__match_args__ == ("first", "second")


def test_a_record_that_can_change_has_no_hash(made: dict[str, Any]) -> None:
    assert made["Open"](1) == made["Open"](1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(made["Open"](1))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((), {"given": "g"}),
        ((1, "g", [], 3, 4), {}),
        ((1,), {"needed": 1}),
        ((1,), {"other": 1}),
        ((1,), {"derived": 1}),
    ],
)
def test_a_record_refuses_fields_that_it_does_not_take(
    made: dict[str, Any], values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        made["Frozen"](*values, **named)


def test_the_hundredth_record_is_like_the_first(made: dict[str, Any]) -> None:
    for name, values, named in (
        ("Pair", (1,), {"right": "s"}),
        ("Frozen", (1,), {"seen": 5}),
        ("Open", (), {"value": 2}),
    ):
        first, *_, last = [made[name](*values, **named) for _ in range(100)]
        assert first == last
        assert repr(first) == repr(last)


def test_signatures_are_known_before_the_first_instance(made: dict[str, Any]) -> None:
    assert list(inspect.signature(made["Derived"]).parameters) == [
        "first", "second", "word", "third"]  # fmt: skip


def test_the_standard_library_knows_our_records() -> None:
    ours = classes(records, records.NamedTuple)["Frozen"]
    one = ours(1)
    assert [each.name for each in dataclasses.fields(ours)] == [
        "needed", "given", "made", "seen", "derived"]  # fmt: skip
    assert dataclasses.replace(one, given="h") == ours(1, "h") == records.replace(one, given="h")
    assert dataclasses.asdict(one)["derived"] == 2
    assert dataclasses.is_dataclass(Options)
    assert [each.name for each in records.fields(ours)] == [
        each.name for each in dataclasses.fields(ours)]  # fmt: skip


def test_a_dataclass_of_the_standard_library_can_be_derived_from_ours() -> None:
    base = classes(records, records.NamedTuple)["Base"]

    @dataclasses.dataclass(slots=True, eq=False)
    class Other(base):  # type: ignore[misc, valid-type]
        third: int = 3

    other = Other(1, 2, word="v")
    assert (other.first, other.second, other.third, other.word) == (1, 2, 3, "v")
    assert [each.name for each in dataclasses.fields(Other)] == ["first", "second", "word", "third"]


def test_records_can_be_pickled() -> None:
    box, options = Box((0,), (3,)), Options(jobs=2)
    assert pickle.loads(pickle.dumps(box)) == box
    assert pickle.loads(pickle.dumps(options)) == options
    assert isinstance(pickle.loads(pickle.dumps(box)), Box)
    with pytest.raises(TypeError):
        ArraySpec()  # type: ignore[call-arg]

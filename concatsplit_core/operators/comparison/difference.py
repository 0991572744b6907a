"""The result of a comparison of two arrays."""

from __future__ import annotations

from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.jsonable import as_json
from concatsplit_core.foundation.records import NamedTuple, dataclass, field

COUNTED = ("shape", "dtype")
"""Facts that make arrays unequal if they differ; other facts are only reported."""


@dataclass(frozen=True, slots=True)
class ElementPair:
    """The elements of both arrays at one index.

    Parameters
    ----------
    index : tuple of int
    a, b : object
        The elements, as NumPy scalars.
    difference : object, optional
        The distance between them, if their dtype has one.
    """

    index: Shape
    a: Any
    b: Any
    difference: Any = None

    def to_dict(self) -> dict[str, Any]:
        """The pair in the object that ``--json`` prints."""
        facts = {"index": list(self.index), "a": self.a, "b": self.b}
        return facts if self.difference is None else {**facts, "difference": self.difference}


class Side(NamedTuple):
    """One of the two arrays.

    Parameters
    ----------
    ref, format : str
    shape : tuple of int
    dtype : str
        NumPy's short form, or the list of a record's fields.
    dtype_label : str
        The dtype as tables show it.
    """

    ref: str
    format: str
    shape: Shape
    dtype: str
    dtype_label: str

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints of it."""
        return {
            "ref": self.ref,
            "format": self.format,
            "shape": self.shape,
            "dtype": self.dtype,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """How two arrays differ.

    Parameters
    ----------
    a, b : Side
    facts : dict
        The facts that differ, of ``"shape"``, ``"dtype"``, ``"dims"``, ``"attrs"`` and
        ``"chunks"``, each with a pair of values. For ``"attrs"`` it is a pair of dicts, with the
        attributes that differ or that only one array has.
    elements : int, optional
        How many elements differ; None if the shapes differ, so that nothing was compared.
    first, largest : ElementPair, optional
        The first pair that differs, in C order, and the pair with the largest difference.
    dtype_counts : bool
        Whether different dtypes make the arrays unequal.
    """

    a: Side
    b: Side
    facts: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    elements: int | None = None
    first: ElementPair | None = None
    largest: ElementPair | None = None
    dtype_counts: bool = True

    @property
    def equal(self) -> bool:
        """Whether shapes, dtypes and all elements agree."""
        counted = [name for name in self.facts if self.counts(name)]
        return not counted and not self.elements

    def counts(self, fact: str) -> bool:
        """Whether a fact that differs makes the arrays unequal."""
        return fact in COUNTED and (fact != "dtype" or self.dtype_counts)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints, as strict JSON has it: a NaN is text."""
        document: dict[str, Any] = as_json(
            {
                "operator": "diff",
                "equal": self.equal,
                "a": self.a.to_dict(),
                "b": self.b.to_dict(),
                "elements": self.elements,
                "first": None if self.first is None else self.first.to_dict(),
                "largest": None if self.largest is None else self.largest.to_dict(),
                "differences": {name: list(pair) for name, pair in self.facts.items()},
            }
        )
        return document


@dataclass(frozen=True, slots=True)
class DataSetDifference:
    """How the arrays of two containers differ.

    Parameters
    ----------
    a, b : str
        The containers.
    arrays : dict of str to Difference
        By name, for the arrays that both hold.
    only_in_a, only_in_b : tuple of str
        Names of arrays that only one of them holds.
    """

    a: str
    b: str
    arrays: dict[str, Difference]
    only_in_a: tuple[str, ...] = ()
    only_in_b: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both hold the same names, and equal arrays under them."""
        return not (self.only_in_a or self.only_in_b) and all(
            difference.equal for difference in self.arrays.values()
        )

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints, as strict JSON has it: a NaN is text."""
        document: dict[str, Any] = as_json(
            {
                "operator": "diff",
                "equal": self.equal,
                "a": self.a,
                "b": self.b,
                "only_in_a": list(self.only_in_a),
                "only_in_b": list(self.only_in_b),
                "arrays": {name: difference.to_dict() for name, difference in self.arrays.items()},
            }
        )
        return document

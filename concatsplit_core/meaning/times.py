"""Times as numbers: ``days since 2020-01-01`` in one of CF's calendars (CF 4.4)."""

from __future__ import annotations

import re
import warnings
from fractions import Fraction
from typing import Any, NamedTuple

from concatsplit_core.meaning.conversions import Rebase

_SINCE = re.compile(r"\s*(\w+)\s+since\s+(\S.*?)\s*", re.IGNORECASE)
_DAY = 86_400_000_000
_MICROSECONDS = {
    Fraction(7 * _DAY): ("week", "weeks"),
    Fraction(_DAY): ("day", "days", "d"),
    Fraction(_DAY, 24): ("hour", "hours", "hr", "hrs", "h"),
    Fraction(60_000_000): ("minute", "minutes", "min", "mins"),
    Fraction(1_000_000): ("second", "seconds", "sec", "secs", "s"),
    Fraction(1000): ("millisecond", "milliseconds", "msec", "msecs", "millisec", "ms"),
    Fraction(1): ("microsecond", "microseconds", "microsec", "us"),
    Fraction(1, 1000): ("nanosecond", "nanoseconds", "nsec", "nsecs", "ns"),
}
_UNITS = {name: length for length, names in _MICROSECONDS.items() for name in names}
_CALENDARS = {"gregorian": "standard", "365_day": "noleap", "366_day": "all_leap", "": "standard"}
_GREGORIAN = {"standard", "proleptic_gregorian"}
"""They agree from 1582-10-15 on."""
_REFORM = "days since 1582-10-15"


class TimeUnits(NamedTuple):
    """Units of a time axis.

    Parameters
    ----------
    length : Fraction
        Of the unit, in microseconds.
    reference : str
        The date and time that 0 stands for.
    calendar : str
    """

    length: Fraction
    reference: str
    calendar: str


def parse_time(units: Any, calendar: Any) -> TimeUnits | None:
    """Units of time and their calendar; None where they are not of a fixed length, or no time."""
    match = _SINCE.fullmatch(units) if isinstance(units, str) else None
    if match is None or match[1].lower() not in _UNITS:
        return None
    name = calendar.strip().lower() if isinstance(calendar, str) else ""
    return TimeUnits(_UNITS[match[1].lower()], match[2], _CALENDARS.get(name, name))


def rebase(own: TimeUnits, wanted: TimeUnits) -> Rebase | None:
    """The exact way from one unit of time to another; None where there is none.

    Raises
    ------
    ValueError
        A reference date is none of its calendar, or finer than a microsecond.
    """
    calendars = {own.calendar, wanted.calendar}
    if len(calendars) > 1 and calendars != _GREGORIAN:
        return None
    here, there = (_epoch(each.reference, wanted.calendar) for each in (own, wanted))
    gap = here - there
    microseconds = (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
    common = own.length.denominator * wanted.length.denominator
    least = None
    if len(calendars) > 1:
        reform = _difference(_epoch(_REFORM[len("days since ") :], wanted.calendar), here)
        least = Fraction(reform) / own.length
        if reform > 0 or _difference(there, here) < reform:  # a reference date means another day
            return None
    return Rebase(
        times=int(own.length * common),
        plus=microseconds * common,
        over=int(wanted.length * common),
        least=least,
    )


def _difference(one: Any, other: Any) -> int:
    gap = one - other
    return (int(gap.days) * 86_400 + int(gap.seconds)) * 1_000_000 + int(gap.microseconds)


def _epoch(reference: str, calendar: str) -> Any:
    import cftime

    if re.search(r"\.\d{7,}", reference):
        raise ValueError(f"'{reference}' is finer than a microsecond")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CF has no year 0, and cftime knows what is meant
            return cftime.num2date(0, f"days since {reference}", calendar or "standard")
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(f"'{reference}' is no date of the calendar {calendar}: {error}") from error

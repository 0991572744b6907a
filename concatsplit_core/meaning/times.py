"""Units of time, such as ``days since 2020-01-01`` in one of CF's calendars (CF 4.4)."""

from __future__ import annotations

import re
import warnings
from fractions import Fraction
from typing import Any

from concatsplit_core.foundation.records import NamedTuple
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
"""These two calendars agree from 1582-10-15 on, the day of the Gregorian reform."""
_REFORM = "1582-10-15"


class TimeUnits(NamedTuple):
    """The units of times.

    Parameters
    ----------
    length : Fraction
        The length of the unit in microseconds.
    reference : str
        The date and time that the number 0 stands for.
    calendar : str
    """

    length: Fraction
    reference: str
    calendar: str


def parse_time(units: Any, calendar: Any) -> TimeUnits | None:
    """Parse the attributes `units` and `calendar`.

    None if they are not units of time, or of no fixed length, as months are not.
    """
    match = _SINCE.fullmatch(units) if isinstance(units, str) else None
    if match is None or match[1].lower() not in _UNITS:
        return None
    name = calendar.strip().lower() if isinstance(calendar, str) else ""
    return TimeUnits(_UNITS[match[1].lower()], match[2], _CALENDARS.get(name, name))


def rebase(own: TimeUnits, wanted: TimeUnits) -> Rebase | None:
    """The exact conversion from one unit of time to another; None if there is none.

    With *o* and *w* the lengths of the own and the wanted unit in microseconds, and *gap* the
    microseconds from the wanted reference date to the own one::

        wanted_value = (own_value * o + gap) / w

    All three are multiplied by the denominators of *o* and *w*, so that they are whole numbers.

    Raises
    ------
    ValueError
        A reference date does not exist in its calendar, or is finer than a microsecond.
    """
    calendars = {own.calendar, wanted.calendar}
    if len(calendars) > 1 and calendars != _GREGORIAN:
        return None
    own_zero, wanted_zero = (_date(each.reference, wanted.calendar) for each in (own, wanted))
    microseconds = _microseconds(own_zero, wanted_zero)
    common = own.length.denominator * wanted.length.denominator
    least = None
    if len(calendars) > 1:
        reform = _microseconds(_date(_REFORM, wanted.calendar), own_zero)
        least = Fraction(reform) / own.length
        # Before the reform, a reference date means another day in each of the calendars.
        if reform > 0 or _microseconds(wanted_zero, own_zero) < reform:
            return None
    return Rebase(
        times=int(own.length * common),
        plus=microseconds * common,
        over=int(wanted.length * common),
        least=least,
    )


def _microseconds(date: Any, since: Any) -> int:
    gap = date - since
    return (int(gap.days) * 86_400 + int(gap.seconds)) * 1_000_000 + int(gap.microseconds)


def _date(reference: str, calendar: str) -> Any:
    import cftime

    if re.search(r"\.\d{7,}", reference):
        raise ValueError(f"'{reference}' is finer than a microsecond")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cftime warns of the year 0, but handles it
            return cftime.num2date(0, f"days since {reference}", calendar or "standard")
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(
            f"'{reference}' is not a date of the calendar {calendar or 'standard'}: {error}"
        ) from error

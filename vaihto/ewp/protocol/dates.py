"""Days and moments as HTTP and XML spell them.

Sources: RFC 7231, 7.1.1.1 (HTTP dates); XML Schema part 2, 3.2.7 and 3.2.9; ewp-specs-architecture, data types.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# One digit for the day is wrong, but Java's own formatter writes it and nobody is harmed by reading it.
_HTTP_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT",
    re.ASCII,
)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def http_date(moment: datetime) -> str:
    """`Sat, 01 Jul 2023 02:06:08 GMT`, whatever the locale; `moment` must be aware."""
    utc = moment.astimezone(UTC)
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year:04} "
        f"{utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"
    )


def read_http_date(text: str) -> datetime:
    """The moment of an HTTP date. Raises ValueError, also for another zone than GMT."""
    found = _HTTP_DATE.fullmatch(text)
    if found is None:
        raise ValueError("not an HTTP date")
    day, month, year, hour, minute, second = found.groups()
    return datetime(
        int(year),
        _MONTHS.index(month) + 1,
        int(day),
        int(hour),
        int(minute),
        int(second),
        tzinfo=UTC,
    )


def moment_text(moment: datetime) -> str:
    """A moment as `xs:dateTime` in UTC, to the second: `2004-02-12T14:19:21Z`."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def read_moment(text: str) -> datetime:
    """An `xs:dateTime`. Raises ValueError.

    Without an offset it is taken as UTC. A blank before the offset is a plus sign that was not encoded in a form.
    """
    found = _MOMENT.fullmatch(re.sub(r" (?=\d\d:\d\d\Z)", "+", text.strip()))
    if found is None:
        raise ValueError("not a date and time with offset")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        int(second),
        int((fraction or "0")[:6].ljust(6, "0")),
        tzinfo=_zone(offset),
    )
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not within the years 1 to 9999") from error


def _zone(offset: str | None) -> timezone:
    if offset in {None, "Z"}:
        return UTC
    assert offset is not None  # noqa: S101 - for the type checker
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("no such offset")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if offset[0] == "-" else size)


def read_day(text: str) -> date:
    """An `xs:date`; an offset, which the schema allows, is dropped. Raises ValueError."""
    found = _DAY.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a date such as 2026-09-01")
    return date(int(found[1]), int(found[2]), int(found[3]))

"""Days and moments as HTTP and XML spell them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaihto.ewp.protocol.dates import http_date, moment_text, read_day, read_http_date, read_moment

aware = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones())  # noqa: DTZ001


def test_http_dates_have_two_digits_and_say_gmt() -> None:
    moment = datetime(2023, 7, 1, 5, 6, 8, tzinfo=timezone(timedelta(hours=3)))
    assert http_date(moment) == "Sat, 01 Jul 2023 02:06:08 GMT"


@given(aware)
def test_a_moment_is_read_as_it_was_written(moment: datetime) -> None:
    second = moment.replace(microsecond=0)
    assert read_http_date(http_date(moment)) == read_moment(moment_text(moment))
    assert read_moment(moment_text(moment)) == second.astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sat, 01 Jul 2023 02:06:08 CEST",
        "Sat, 01 Jul 2023 02:06:08 GMT+2:00",
        "Sat, 01 Jul 2023 02:06:08 UTC",
        "Sat, 32 Jul 2023 02:06:08 GMT",
        "Sat, 00 Jul 2023 02:06:08 GMT",
        "la, 01 heinä 2023 02:06:08 GMT",
        "2023-07-01T02:06:08Z",
        "Saturday, 01-Jul-23 02:06:08 GMT",
        "Sat, 01 Jul 2023 25:06:08 GMT",
        "Sat, 01 Jul 0000 02:06:08 GMT",
        " Sat, 01 Jul 2023 02:06:08 GMT",
        "Sat, 0١ Jul 2023 02:06:08 GMT",
    ],
)
def test_what_is_no_http_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs by case
        read_http_date(text)


def test_one_digit_for_the_day_is_read() -> None:
    assert read_http_date("Sat, 1 Jul 2023 02:06:08 GMT").day == 1


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2004-02-12T15:19:21+01:00", 14),
        ("2004-02-12T15:19:21 01:00", 14),  # a plus sign that was not encoded
        ("2004-02-12T15:19:21Z", 15),
        ("2004-02-12T15:19:21", 15),
        ("2004-02-12T15:19:21.123456789-02:00", 17),
    ],
)
def test_moments_are_read_with_and_without_offset(text: str, hour: int) -> None:
    assert (read_moment(text).hour, read_moment(text).utcoffset()) == (hour, timedelta(0))


@pytest.mark.parametrize(
    "text",
    ["", "2004-02-12", "12.2.2004 15:19", "2004-02-30T00:00:00Z", "2004-02-12T15:19:21+15:00",
     "2004-02-12T15:19:21+01:60", "20040212T151921Z", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs by case
        read_moment(text)


def test_a_moment_beyond_the_last_year_is_refused() -> None:
    with pytest.raises(ValueError, match="9999"):
        read_moment("9999-12-31T23:59:59-14:00")


def test_days_are_read_and_lose_their_offset() -> None:
    assert read_day("2026-09-01+02:00") == read_day(" 2026-09-01 ") == date(2026, 9, 1)
    for text in ("2026-9-1", "2026-02-29", "", "01.09.2026"):
        with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs by case
            read_day(text)

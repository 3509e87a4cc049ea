from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.cast import Cast
from vaihto.mobilities.models import Mobility
from vaihto.web.address import Address
from vaihto.web.listing import Order, Slice, orders_of, page_of

START = Order("start", nullable=True)


def walk(address: Address, order: Order, *, size: int, way: str = "next") -> list[Slice[Mobility]]:
    """Every page from `address` on, following the links."""
    pages = []
    for _each in range(20):
        one = page_of(Mobility.objects.all(), (order,), address, size=size)
        pages.append(one)
        link = getattr(one.paging, way)
        if not link:
            return pages
        address = Address(address.path, tuple(parse_qsl(urlsplit(link).query)))
    raise AssertionError("the list never ends")


@pytest.fixture
def eleven(cast: Cast) -> list[int]:
    """Eleven mobilities, four of them without days, some beginning on the same day."""
    Mobility.objects.all().update(start=date(2020, 1, 1), end=date(2020, 1, 9))
    for number in range(10):
        start = date(2024, 1, 1) + timedelta(days=number // 2) if number < 6 else None
        Mobility.objects.create(
            kind="student", person=cast.student.person, purpose="study", start=start, end=start
        )
    return list(Mobility.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("order", [START, START.turned()])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 11, 50])
def test_pages_hold_every_row_once(eleven: list[int], order: Order, size: int) -> None:
    pages = walk(Address("/list"), order, size=size)
    seen = [row.pk for one in pages for row in one.rows]
    assert sorted(seen) == eleven
    dated = [row.start for one in pages for row in one.rows]
    assert dated[-4:] == [None] * 4
    days = [day for day in dated if day is not None]
    assert days == sorted(days, reverse=order.descending)


@pytest.mark.parametrize("order", [START, START.turned()])
def test_the_way_back_shows_the_same_pages(eleven: list[int], order: Order) -> None:
    forth = walk(Address("/list"), order, size=3)
    assert forth[-1].paging.previous
    query = urlsplit(forth[-1].paging.previous).query
    back = walk(Address("/list", tuple(parse_qsl(query))), order, size=3, way="previous")
    assert [[row.pk for row in one.rows] for one in reversed(back)] == [
        [row.pk for row in one.rows] for one in forth[:-1]
    ]
    assert [(one.paging.first, one.paging.last) for one in forth] == [
        (1, 3),
        (4, 6),
        (7, 9),
        (10, 11),
    ]


def test_rows_are_counted_up_to_the_cap(eleven: list[int]) -> None:
    one = page_of(Mobility.objects.all(), (START,), Address("/list"), size=2, counted_to=5)
    assert (one.paging.total, one.paging.capped) == (5, True)
    assert one.paging.words == "Rows 1 to 2 of more than 5"


@pytest.mark.parametrize("place", ["abc", "-1", "999999999999999999999", "987654"])
def test_a_row_that_is_not_there_begins_the_list_anew(eleven: list[int], place: str) -> None:
    one = page_of(Mobility.objects.all(), (START,), Address("/list", (("after", place),)), size=2)
    assert (one.paging.first, len(one.rows)) == (1, 2)


def test_an_unknown_sorting_is_the_usual_one() -> None:
    choices = {"start": (START,)}
    assert orders_of("password", choices, default="-start") == ("-start", (START.turned(),))
    assert orders_of("start", choices, default="-start") == ("start", (START,))


@pytest.mark.parametrize("order", [START, START.turned()])
@pytest.mark.parametrize("size", [1, 3, 50])
def test_streams_that_overlap_are_merged_and_every_row_stands_once(
    eleven: list[int], order: Order, size: int
) -> None:
    everything = Mobility.objects.all()
    streams = [
        everything.filter(pk__in=eleven[:7]),
        everything.filter(pk__in=eleven[4:]),
        everything.none(),
    ]
    address, seen, back = Address("/list"), [], []
    for _each in range(20):
        one = page_of(everything, (order,), address, size=size, streams=streams, total=11)
        seen.append([row.pk for row in one.rows])
        if not one.paging.next:
            break
        address = Address("/list", tuple(parse_qsl(urlsplit(one.paging.next).query)))
    whole = page_of(everything, (order,), Address("/list"), size=50, total=11)
    assert [pk for page in seen for pk in page] == [row.pk for row in whole.rows]
    for _each in range(20):
        if not one.paging.previous:
            break
        address = Address("/list", tuple(parse_qsl(urlsplit(one.paging.previous).query)))
        one = page_of(everything, (order,), address, size=size, streams=streams, total=11)
        back.append([row.pk for row in one.rows])
    assert back[::-1] == seen[:-1]

"""One page of a long list, by the row after which it begins: as quick on the last page as on the first.

The address carries the number of that row and where in the list one is, so a page can be bookmarked. Rows are
counted only up to a cap, because counting a million to say "a million" is what makes lists slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet

from vaihto.web.address import Address
from vaihto.web.components import Paging

PAGE_ROWS = 50
COUNTED_TO = 1000

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Order:
    """A field to sort by. Of a nullable first field the empty ones stand last, in both directions."""

    field: str
    descending: bool = False
    nullable: bool = False

    def turned(self) -> Order:
        """The opposite direction."""
        return Order(self.field, not self.descending, self.nullable)


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """The rows of a page and where they stand."""

    rows: list[Row]
    paging: Paging


def orders_of(
    sort: str, choices: Mapping[str, Sequence[Order]], *, default: str
) -> tuple[str, tuple[Order, ...]]:
    """The asked sorting by its name in the address (`-name` for descending); an unknown one is the default."""
    name = sort if sort.lstrip("-") in choices else default
    orders = tuple(choices[name.lstrip("-")])
    if name.startswith("-"):
        orders = tuple(order.turned() for order in orders)
    return name, orders


def page_of(
    queryset: QuerySet[Row],
    orders: Sequence[Order],
    address: Address,
    *,
    size: int = PAGE_ROWS,
    counted_to: int = COUNTED_TO,
    streams: Sequence[QuerySet[Row]] = (),
    total: int | None = None,
) -> Slice[Row]:
    """The page that the address asks for (`after` or `before` a row, which is the `n`-th).

    `streams` are parts that together hold what `queryset` holds, each of which the database can read in the order
    asked; they are merged, and a row of two of them stands once. `total` is handed in where it is known already.
    """
    if total is None:
        total = queryset.order_by()[: counted_to + 1].count()
    sources = streams or (queryset,)
    after, before = _number(address.get("after")), _number(address.get("before"))
    full = (*orders, Order("pk", descending=orders[0].descending))
    place = max(_number(address.get("n")) or 1, 1)
    if before and (values := _values(queryset, full, before)) is not None:
        turned = tuple(order.turned() for order in full)
        found = _merged(sources, turned, values, size + 1, backwards=True)
        rows, has_previous, has_next = found[:size][::-1], len(found) > size, True
    else:
        start = _values(queryset, full, after) if after else None
        place = place if start is not None else 1
        found = _merged(sources, full, start, size + 1)
        rows, has_previous, has_next = found[:size], start is not None, len(found) > size
    return Slice(
        rows,
        Paging(
            first=place if rows else 0,
            last=place + len(rows) - 1 if rows else 0,
            total=min(total, counted_to),
            capped=total > counted_to,
            previous=_link(address, before=rows[0].pk, n=max(place - size, 1))
            if rows and has_previous and place > 1
            else "",
            next=_link(address, after=rows[-1].pk, n=place + len(rows))
            if rows and has_next
            else "",
        ),
    )


def _merged(
    sources: Sequence[QuerySet[Row]],
    orders: Sequence[Order],
    values: tuple[Any, ...] | None,
    count: int,
    *,
    backwards: bool = False,
) -> list[Row]:
    """Up to `count` rows beyond `values` of all sources together, each once."""
    parts = [_rows(source, orders, values, count, backwards=backwards) for source in sources]
    if len(parts) == 1:
        return parts[0]
    rows = {row.pk: row for part in parts for row in part}

    def compared(one: Row, other: Row) -> int:
        for order in orders:
            mine, others = getattr(one, order.field), getattr(other, order.field)
            if mine == others:
                continue
            if mine is None or others is None:
                return (1 if mine is None else -1) * (-1 if backwards else 1)
            return (1 if mine > others else -1) * (-1 if order.descending else 1)
        return 0

    return sorted(rows.values(), key=cmp_to_key(compared))[:count]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _link(address: Address, **values: Any) -> str:
    return str(address.without("after", "before", "n", "pick").having(**values))


def _values(queryset: QuerySet[Row], orders: Sequence[Order], pk: int) -> tuple[Any, ...] | None:
    """What the row with that number has in the fields sorted by, whether or not the filters still find it."""
    names = [order.field for order in orders]
    return queryset.model._default_manager.filter(pk=pk).values_list(*names).first()


def _rows(
    queryset: QuerySet[Row],
    orders: Sequence[Order],
    values: tuple[Any, ...] | None,
    count: int,
    *,
    backwards: bool = False,
) -> list[Row]:
    """Up to `count` rows beyond `values`. Rows with an empty first field come in a query of their own."""
    first = orders[0]
    if not first.nullable:
        return list(_beyond(queryset, orders, values)[:count])
    empty, full = Q(**{f"{first.field}__isnull": True}), Q(**{f"{first.field}__isnull": False})
    rest = orders[1:]
    rows: list[Row] = []
    for condition, its_orders, is_empty in (
        ((empty, rest, True), (full, orders, False))
        if backwards
        else ((full, orders, False), (empty, rest, True))
    ):
        if len(rows) == count:
            break
        its_values: tuple[Any, ...] | None = None
        if values is not None:
            starts_empty = values[0] is None
            if starts_empty and not is_empty and not backwards:
                continue
            if not starts_empty and is_empty and backwards:
                continue
            if starts_empty == is_empty:
                its_values = values[1:] if is_empty else values
        rows += _beyond(queryset.filter(condition), its_orders, its_values)[: count - len(rows)]
    return rows


def _beyond(
    queryset: QuerySet[Row], orders: Sequence[Order], values: tuple[Any, ...] | None
) -> QuerySet[Row]:
    ordered = queryset.order_by(
        *(F(o.field).desc() if o.descending else F(o.field).asc() for o in orders)
    )
    if values is None:
        return ordered
    condition = Q(pk__in=[])
    same = Q()
    for order, value in zip(orders, values, strict=True):
        side = "lt" if order.descending else "gt"
        condition |= same & Q(**{f"{order.field}__{side}": value})
        same &= Q(**{order.field: value})
    first = orders[0]
    # Said once more, plainly, so that the database starts reading in its index at the right place.
    at_least = Q(**{f"{first.field}__{'lte' if first.descending else 'gte'}": values[0]})
    return ordered.filter(at_least & condition)

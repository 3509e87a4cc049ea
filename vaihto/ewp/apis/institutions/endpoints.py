"""Answering Institutions 2, Organizational Units 2 and Factsheet 1.

Any partner may read all of it. What an institution tells is read in four queries and remembered for as long as keys
are, a few seconds: many ask at once and it changes rarely. Sources: the three specifications; what the network's
validator checks.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

from vaihto.ewp import schemas
from vaihto.ewp.apis.institutions import mapping
from vaihto.ewp.apis.institutions.messages import (
    Factsheet,
    FactsheetResponse,
    Hei,
    InstitutionsResponse,
    Ounit,
    OunitsResponse,
)
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.errors import BadParameter
from vaihto.ewp.protocol.http import Response
from vaihto.institutions.facts import Told
from vaihto.institutions.models import Institution
from vaihto.institutions.queries import told

_XML_TYPE = "application/xml; charset=utf-8"
_FRESH_SECONDS = 3600  # of a factsheet; it changes a few times a year
_REMEMBERED = 2000  # institutions


@dataclass(frozen=True)
class _Answers:
    """What is answered about one institution, each part made when it is first asked for."""

    told: Told
    at: float  # monotonic time of reading

    @cached_property
    def hei(self) -> Hei | None:
        """See `mapping.hei`."""
        return mapping.hei(self.told)

    @cached_property
    def ounits(self) -> tuple[Ounit, ...]:
        """See `mapping.ounits`."""
        return mapping.ounits(self.told)

    @cached_property
    def factsheet(self) -> Factsheet | None:
        """See `mapping.factsheet`; none of an institution that others host."""
        return mapping.factsheet(self.told) if self.told.hosted else None


_ANSWERS: dict[str, _Answers] = {}


def institutions(call: Call) -> bytes:
    """Those of the asked institutions that are hosted here or known, each once; others are left out."""
    found = _asked(_required(call, "hei_id", "max-hei-ids"))
    heis = (one.hei for one in found)
    return InstitutionsResponse(tuple(one for one in heis if one is not None)).write()


def ounits(call: Call) -> bytes:
    """Those of the asked units of this institution that partners see; others are left out.

    Refuses another institution than the one of this address, and units by id and by code at once.
    """
    hei_id = call.one("hei_id")
    ids = call.many("ounit_id", "max-ounit-ids")
    codes = call.many("ounit_code", "max-ounit-codes")
    if ids and codes:
        raise BadParameter("ounit_code", "it cannot be given together with ounit_id.")
    if not ids and not codes:
        raise BadParameter("ounit_id", "it or ounit_code is required.")
    if hei_id != call.institution.hei_id:
        raise BadParameter("hei_id", "this address speaks for another institution.")
    (found,) = _asked([hei_id])
    wanted, codes_wanted = frozenset(ids), frozenset(codes)
    return OunitsResponse(
        tuple(one for one in found.ounits if one.ounit_id in wanted or one.code in codes_wanted)
    ).write()


def factsheet(call: Call) -> Response:
    """The complete factsheets of those asked institutions that are hosted here. May be kept for an hour."""
    found = _asked(_required(call, "hei_id", "max-hei-ids"))
    sheets = (one.factsheet for one in found)
    body = FactsheetResponse(tuple(one for one in sheets if one is not None)).write()
    schemas.check_outgoing(body)
    mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kept = (("ETag", f"W/{mark}"), ("Cache-Control", f"private, max-age={_FRESH_SECONDS}"))
    if call.request.method == "GET" and call.is_known(mark):
        return Response(304, kept)
    return Response(200, (("Content-Type", _XML_TYPE), *kept), body)


def _required(call: Call, name: str, limit: str) -> tuple[str, ...]:
    values = call.many(name, limit)
    if not values:
        raise BadParameter(name, "it is required.")
    return values


def _asked(hei_ids: Iterable[str]) -> list[_Answers]:
    """The known ones of these institutions in the order of the ids, each once; four queries at most."""
    wanted = list(dict.fromkeys(hei_ids))
    now = time.monotonic()
    oldest = now - settings.EWP_KEYS_REMEMBERED_SECONDS
    found = {
        hei_id: answers
        for hei_id in wanted
        if (answers := _ANSWERS.get(hei_id)) is not None and answers.at > oldest
    }
    if len(found) < len(wanted):
        unread = Institution.objects.filter(hei_id__in=set(wanted) - set(found)).order_by()
        read = {one.hei_id: _Answers(one, now) for one in told(unread)}
        if len(_ANSWERS) > _REMEMBERED:
            _ANSWERS.clear()
        _ANSWERS.update(read)
        found |= read
    return [found[hei_id] for hei_id in wanted if hei_id in found]

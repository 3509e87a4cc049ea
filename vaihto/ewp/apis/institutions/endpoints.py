"""Answering Institutions 2, Organizational Units 2 and Factsheet 1; four queries each, whatever is asked.

Any partner may read all of it. Sources: the three specifications; what the network's validator checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from vaihto.ewp import schemas
from vaihto.ewp.apis.institutions import mapping
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
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


def institutions(call: Call) -> bytes:
    """Those of the asked institutions that are hosted here or known, each once; others are left out."""
    found = _asked(_required(call, "hei_id", "max-hei-ids"))
    heis = (mapping.hei(one) for one in found)
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
    (all_told,) = _asked([hei_id])
    wanted, codes_wanted = frozenset(ids), frozenset(codes)
    return OunitsResponse(
        tuple(
            one
            for one in mapping.ounits(all_told)
            if one.ounit_id in wanted or one.code in codes_wanted
        )
    ).write()


def factsheet(call: Call) -> Response:
    """The complete factsheets of those asked institutions that are hosted here. May be kept for an hour."""
    found = _asked(_required(call, "hei_id", "max-hei-ids"))
    sheets = (mapping.factsheet(one) for one in found if one.hosted)
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


def _asked(hei_ids: Iterable[str]) -> list[Told]:
    """What the institutions of these ids have to tell, in the order of the ids; four queries."""
    places = {hei_id: at for at, hei_id in enumerate(dict.fromkeys(hei_ids))}
    found = Institution.objects.filter(hei_id__in=places).order_by()
    return told(sorted(found, key=lambda one: places[one.hei_id]))

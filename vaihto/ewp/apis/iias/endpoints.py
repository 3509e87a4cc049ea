"""What partners may ask about agreements. Everything served was written when it changed; nothing is built here."""

from __future__ import annotations

import re
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from vaihto.agreements.models import Agreement, Place
from vaihto.agreements.terms import first_number_of
from vaihto.ewp.apis.iias.messages import (
    GET,
    GivenApproval,
    IiasApprovalResponse,
    IiasIndexResponse,
    IiasStatsResponse,
)
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.errors import BadParameter, Trouble
from vaihto.ewp.protocol.xml import Builder

PORTAL = "stats.erasmuswithoutpaper.eu"
_NOTHING = Builder("iias-get-response", GET).write()


def _visible(call: Call) -> Q:
    """Served by this institution and shared with one of the caller's."""
    return Q(institution=call.institution, partner__hei_id__in=call.callers)


def _ids(call: Call) -> tuple[str, ...]:
    ids = call.many("iia_id", "max-iia-ids")
    if not ids:
        raise BadParameter("iia_id", "it is required.")
    return ids


def get(call: Call) -> bytes:
    """The copy with this id, byte for byte as it was hashed; an empty answer when the caller may not know of it."""
    (iia_id,) = _ids(call)
    document = (
        Agreement.objects.served()
        .filter(_visible(call), iia_id=iia_id)
        .values_list("current__document", flat=True)
        .first()
    )
    return bytes(document) if document is not None else _NOTHING


def index(call: Call) -> bytes:
    """Ids of all copies the caller may get; by academic year and by when they changed, where it says so."""
    found = Agreement.objects.served().filter(_visible(call))
    years = [_year(call, text) for text in call.many("receiving_academic_year_id")]
    if years:
        wanted = Q()
        for year in years:
            wanted |= Q(first__lte=year, last__gte=year)
        conditions = Place.objects.filter(wanted, agreement=OuterRef("pk"))
        found = found.filter(Exists(conditions))
    since: datetime | None = call.moment("modified_since")
    if since is not None:
        found = found.filter(served_at__gt=since)
    return IiasIndexResponse(tuple(found.order_by("pk").values_list("iia_id", flat=True))).write()


def _year(call: Call, text: str) -> int:
    year = first_number_of(text) if re.fullmatch(r"[0-9]{4}/[0-9]{4}", text) else None
    if year is None:
        raise BadParameter(
            "receiving_academic_year_id", "it must be an academic year such as 2026/2027."
        )
    return year


def stats(call: Call) -> bytes:
    """Counts for the network's portal, which alone may ask."""
    if PORTAL not in call.callers:
        raise Trouble(403, "Statistics are for the network's portal.", code="not-for-you")
    return counted(call.institution.pk).write()


def counted(institution_id: int) -> IiasStatsResponse:
    """How many agreements partners may fetch, and which side has approved the present copies."""
    served = Agreement.objects.served().filter(institution_id=institution_id)
    approved = served.annotate(
        hash_of_ours=F("current__digest"), hash_they_approved=F("taken__digest")
    )
    theirs = Q(taken__digest=F("current__digest"))
    ours = Q(given__digest=F("copies__current__digest")) & ~Q(given__digest="")
    both = approved.filter(theirs & ours).distinct().count()
    return IiasStatsResponse(
        fetchable=served.count(),
        partner_only=approved.filter(theirs).distinct().count() - both,
        ours_only=approved.filter(ours).distinct().count() - both,
        both=both,
    )


def approval(call: Call) -> bytes:
    """What we have approved of the caller's copies, by the caller's ids; stored statements, no work is done here."""
    ids = _ids(call)
    rows = (
        Agreement.objects.filter(
            _visible(call), partner_iia_id__in=set(ids), deleted_at__isnull=True
        )
        .exclude(given__isnull=True)
        .exclude(given__digest="")
        .values_list("partner_iia_id", "given__digest", "given__file_id")
    )
    return IiasApprovalResponse(tuple(GivenApproval(*row) for row in rows)).write()

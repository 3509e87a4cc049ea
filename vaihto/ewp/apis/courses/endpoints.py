"""Answering Courses 0.7 and Simple Course Replication 1; three queries and one, whatever is asked.

Any partner may read what is exposed; what is not looks like what does not exist. Sources: the two specifications;
what the network's validator checks.
"""

from __future__ import annotations

from datetime import timedelta

from vaihto.ewp.apis.courses import mapping
from vaihto.ewp.apis.courses.messages import CourseReplicationResponse, CoursesResponse
from vaihto.ewp.calls import Call
from vaihto.ewp.protocol.errors import BadParameter
from vaihto.offers import queries

_LATE = timedelta(minutes=30)


def courses(call: Call) -> bytes:
    """Those of the asked entries that are exposed, by id or by code; others are left out.

    `lois_before` and `lois_after` narrow the instances to those that end before, and start after, that day.
    `los_at_date` is understood and not supported: entries are told as they are now, which the specification allows.
    """
    _check_institution(call)
    ids = call.many("los_id", "max-los-ids")
    codes = call.many("los_code", "max-los-codes")
    before, after = call.date("lois_before"), call.date("lois_after")
    call.date("los_at_date")
    if ids and codes:
        raise BadParameter("los_code", "it cannot be given together with los_id.")
    if not ids and not codes:
        raise BadParameter("los_id", "it or los_code is required.")
    found = (
        queries.by_ids(call.institution, ids) if ids else queries.by_codes(call.institution, codes)
    )
    told = (mapping.specification(one, before=before, after=after) for one in found)
    return CoursesResponse(tuple(one for one in told if one is not None)).write()


def replication(call: Call) -> bytes:
    """The ids of all entries that are exposed, or of those that changed after `modified_since`.

    Those that changed shortly before are named too: a large file is brought in in one transaction, whose changes
    carry the moment at which it began. More than was asked is allowed, less is not.
    """
    _check_institution(call)
    since = call.moment("modified_since")
    ids = (
        queries.exposed(call.institution)
        if since is None
        else queries.changed_since(call.institution, since - _LATE)
    )
    return CourseReplicationResponse(tuple(ids)).write()


def _check_institution(call: Call) -> None:
    """The one this address speaks for, named once."""
    if call.one("hei_id") != call.institution.hei_id:
        raise BadParameter("hei_id", "this address speaks for another institution.")

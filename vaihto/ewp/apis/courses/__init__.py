"""The course catalogue as partners read it: Courses 0.7 and Simple Course Replication 1."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint

_ENDPOINTS = "vaihto.ewp.apis.courses.endpoints"

# The version is 0.7, the namespace that of version 1: drafts live there.
COURSES = Api(
    element="courses",
    repository="ewp-specs-api-courses",
    major=1,
    version="0.7.1",
    says="Courses, modules and programmes with the times they are taught, by id or code.",
    endpoints=(Endpoint("url", "courses/v0.7", answer=f"{_ENDPOINTS}:courses"),),
    limits=(("max-los-ids", 50), ("max-los-codes", 50)),
    order=("url", "max-los-ids", "max-los-codes"),
)

# A manifest takes three numbers only, so the release candidate that we follow is written 1.0.0.
COURSE_REPLICATION = Api(
    element="simple-course-replication",
    repository="ewp-specs-api-course-replication",
    major=1,
    version="1.0.0",
    says="The ids of everything in the course catalogue, or of what changed since a moment.",
    endpoints=(Endpoint("url", "course-replication/v1", answer=f"{_ENDPOINTS}:replication"),),
    flags=(("allows-anonymous-access", "false"), ("supports-modified-since", "true")),
    order=("url", "allows-anonymous-access", "supports-modified-since"),
)

APIS = (COURSES, COURSE_REPLICATION)

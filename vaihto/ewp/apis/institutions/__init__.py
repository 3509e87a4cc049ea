"""What an institution tells about itself: Institutions 2, Organizational Units 2 and Mobility Factsheet 1."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint

_ENDPOINTS = "vaihto.ewp.apis.institutions.endpoints"

INSTITUTIONS = Api(
    element="institutions",
    repository="ewp-specs-api-institutions",
    major=2,
    version="2.2.0",
    says="Names, addresses, contacts and units of an institution, and of others it knows.",
    endpoints=(Endpoint("url", "institutions/v2", answer=f"{_ENDPOINTS}:institutions"),),
    limits=(("max-hei-ids", 10),),
    order=("url", "max-hei-ids"),
)

OUNITS = Api(
    element="organizational-units",
    repository="ewp-specs-api-ounits",
    major=2,
    version="2.1.1",
    says="The faculties, schools and departments of an institution that matter for mobility.",
    endpoints=(Endpoint("url", "ounits/v2", answer=f"{_ENDPOINTS}:ounits"),),
    limits=(("max-ounit-ids", 50), ("max-ounit-codes", 50)),
    order=("url", "max-ounit-ids", "max-ounit-codes"),
)

FACTSHEET = Api(
    element="factsheet",
    repository="ewp-specs-api-factsheet",
    major=1,
    version="1.2.0",
    says="Deadlines, requirements and where to ask: what an incoming student and the home office must know.",
    endpoints=(Endpoint("url", "factsheet/v1", answer=f"{_ENDPOINTS}:factsheet"),),
    limits=(("max-hei-ids", 10),),
    order=("url", "max-hei-ids"),
)

APIS = (INSTITUTIONS, OUNITS, FACTSHEET)

"""Inter-institutional agreements: the agreements themselves, their approval, and both change notifications."""

from __future__ import annotations

from vaihto.ewp.protocol.api import Api, Endpoint, Keep, Reading

_HERE = "vaihto.ewp.apis.iias.endpoints"
_HEAR = "vaihto.ewp.notifications:hear"

# One id a request: the official transformation mixes agreements that stand in one document.
MAX_IDS = 1

IIAS = Api(
    element="iias",
    repository="ewp-specs-api-iias",
    major=7,
    version="7.0.0",
    says="Agreements that the caller has with the institution, each with the hash that is approved.",
    endpoints=(
        Endpoint("get-url", "iias/v7/get", answer=f"{_HERE}:get", keep=Keep.AT_ONCE),
        Endpoint("index-url", "iias/v7/index", answer=f"{_HERE}:index"),
        Endpoint("stats-url", "iias/v7/stats", Reading.GET, f"{_HERE}:stats"),
    ),
    limits=(("max-iia-ids", MAX_IDS),),
    order=("get-url", "max-iia-ids", "index-url", "stats-url"),
)

IIA_CNR = Api(
    element="iia-cnr",
    repository="ewp-specs-api-iia-cnr",
    major=3,
    version="3.0.0",
    says="Takes word that the caller's copy of an agreement changed.",
    endpoints=(Endpoint("url", "iia-cnr/v3", Reading.POST_FORM, _HEAR, Keep.AT_ONCE),),
    order=("url",),
    notifies=True,
)

APPROVAL = Api(
    element="iias-approval",
    repository="ewp-specs-api-iias-approval",
    major=2,
    version="2.0.0",
    says="Which version of the caller's copies the institution has approved.",
    endpoints=(Endpoint("url", "iias-approval/v2", answer=f"{_HERE}:approval", keep=Keep.AT_ONCE),),
    limits=(("max-iia-ids", 50),),
    order=("url", "max-iia-ids"),
)

APPROVAL_CNR = Api(
    element="iia-approval-cnr",
    repository="ewp-specs-api-iia-approval-cnr",
    major=2,
    version="2.0.0",
    says="Takes word that the caller approved our copy of an agreement, or took that back.",
    endpoints=(Endpoint("url", "iia-approval-cnr/v2", Reading.POST_FORM, _HEAR, Keep.AT_ONCE),),
    order=("url",),
    notifies=True,
)

APIS = (IIAS, IIA_CNR, APPROVAL, APPROVAL_CNR)

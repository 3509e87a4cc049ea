"""Change notifications over EWP: what goes out to every listener, what comes in and is kept, and both between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.cast import institution
from tests.conftest import PROJECT
from tests.ewp.network import (
    CATALOGUE,
    HEI,
    PARTNER,
    Network,
    call_app,
    call_server,
    database_url,
    known,
    serving,
)
from tests.ewp.partner import (
    Authority,
    Opened,
    Partner,
    answers,
    in_catalogue,
    own_key,
    wire,
)
from vaihto.ewp import notifications, registry, server
from vaihto.ewp.apis.iias import APPROVAL_CNR, IIA_CNR, IIAS
from vaihto.ewp.models import Exchange, Key
from vaihto.ewp.notifications import FORMS, HEAR, Carrier
from vaihto.ewp.protocol.api import Api, Endpoint, Keep, Reading
from vaihto.ewp.protocol.http import Parameters, Request, Response
from vaihto.ewp.protocol.httpsig import Signer
from vaihto.ewp.schemas import Official
from vaihto.institutions.models import Institution
from vaihto.jobs import outbox
from vaihto.jobs.delivery import Ended, Slip
from vaihto.jobs.models import Notification

NOW = timezone.now()
DAY = timedelta(days=1)


def receiver(element: str, major: int, most: int = 0) -> Api:
    """A receiver as the next issues will declare it."""
    return Api(
        element=element,
        repository=f"ewp-specs-api-{element}",
        major=major,
        version=f"{major}.0.0",
        says="A trial.",
        endpoints=(Endpoint("url", f"{element}/v{major}", Reading.POST_FORM, HEAR, Keep.AT_ONCE),),
        limits=(("max-omobility-ids", most),) if most else (),
        order=("url", *(["max-omobility-ids"] if most else [])),
        notifies=True,
    )


OMOBILITY = receiver("omobility-cnr", 2, 3)
OLDER = receiver("omobility-cnr", 1, 2)
INCOMING = receiver("imobility-tor-cnr", 2, 3)


# Going out


@pytest.fixture
def home(db: None, settings: Settings) -> Institution:
    settings.CATALOGUE_URL = CATALOGUE
    home = institution(HEI)
    own_key(home, since=NOW - DAY)
    registry.forget()
    return home


def slip(api: Api, *object_ids: str, number: int = 1) -> list[Slip]:
    return [
        Slip(
            number=number,
            hei_id=HEI,
            partner=PARTNER,
            api=api.element,
            object_id=object_id,
            facts={},
            first_at=NOW,
            changed_at=NOW,
            attempts=0,
            changes=1,
            apart=False,
        )
        for object_id in object_ids
    ]


def listens(partner: Partner, *apis: Api) -> None:
    in_catalogue(
        CATALOGUE, hei_id=PARTNER, apis=[(api, {"url": f"{partner.url}/{api.key}"}) for api in apis]
    )
    registry.forget()


def told(partner: Partner) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """What the partner was told: method, path, parameters."""
    return [
        (request.method, request.target, Parameters.read(request.body).pairs)
        for request in partner.received
    ]


@pytest.mark.parametrize(
    ("api", "parameters"),
    [
        (IIA_CNR, (("iia_id", "a"),)),
        (APPROVAL_CNR, (("iia_id", "a"),)),
        (OMOBILITY, (("sending_hei_id", HEI), ("omobility_id", "a"))),
        (INCOMING, (("receiving_hei_id", HEI), ("omobility_id", "a"))),
    ],
)
def test_each_receiver_is_told_with_its_own_parameters(
    home: Institution, opened: Opened, api: Api, parameters: tuple[tuple[str, str], ...]
) -> None:
    partner = opened(answers(notifications.response(api)))
    listens(partner, api)
    outcome = Carrier([api]).deliver(slip(api, "a", number=7))
    assert outcome.ended is Ended.ARRIVED
    assert told(partner) == [("POST", f"/{api.key}", parameters)]
    exchange = Exchange.objects.get()
    assert (exchange.notification_id, exchange.signature, exchange.api) == (
        7,
        "verified",
        api.element,
    )


def test_several_ids_go_in_one_request_as_many_as_every_listener_takes(
    home: Institution, opened: Opened
) -> None:
    one, other = opened(answers(b"<ok/>")), opened(answers(b"<ok/>"))
    listens(one, receiver("omobility-cnr", 2, 3))
    listens(other, receiver("omobility-cnr", 2, 2))
    carrier = Carrier([OMOBILITY])
    assert carrier.at_once(slip(OMOBILITY, "a")[0]) == 2
    assert Carrier([IIA_CNR]).at_once(slip(IIA_CNR, "a")[0]) == 1
    assert carrier.deliver(slip(OMOBILITY, "a", "b")).ended is Ended.ARRIVED
    sent = (("sending_hei_id", HEI), ("omobility_id", "a"), ("omobility_id", "b"))
    assert [told(each)[0][2] for each in (one, other)] == [sent, sent]


def test_word_that_one_of_two_listeners_missed_is_repeated(
    home: Institution, opened: Opened
) -> None:
    listens(opened(answers(b"<ok/>")), OMOBILITY)
    listens(opened(answers(b"<no/>", status=500)), OMOBILITY)
    assert Carrier([OMOBILITY]).deliver(slip(OMOBILITY, "a")).ended is Ended.LATER


def test_the_newest_version_that_both_speak_is_used(home: Institution, opened: Opened) -> None:
    partner = opened(answers(b"<ok/>"))
    listens(partner, OLDER)
    carrier = Carrier([OLDER, OMOBILITY])
    assert carrier.deliver(slip(OMOBILITY, "a")).ended is Ended.ARRIVED
    listens(partner, OMOBILITY)
    assert carrier.deliver(slip(OMOBILITY, "a")).ended is Ended.ARRIVED
    assert [path for _method, path, _pairs in told(partner)] == [
        "/omobility-cnr-v1",
        "/omobility-cnr-v2",
    ]


@pytest.mark.parametrize(
    ("status", "ended", "blame"),
    [
        (400, Ended.REFUSED, "ours"),
        (403, Ended.REFUSED, "ours"),
        (404, Ended.REFUSED, "theirs"),
        (500, Ended.LATER, "theirs"),
        (503, Ended.SILENT, "theirs"),
    ],
)
def test_what_the_partner_answers_decides_whether_it_is_repeated(
    home: Institution, opened: Opened, status: int, ended: Ended, blame: str
) -> None:
    listens(opened(answers(b"<no/>", status=status)), IIA_CNR)
    Key.objects.update(created_at=NOW - 30 * DAY)
    outcome = Carrier([IIA_CNR]).deliver(slip(IIA_CNR, "a"))
    assert (outcome.ended, outcome.blame) == (ended, blame)
    assert outcome.facts["status"] == str(status)


def test_no_answer_is_silence(home: Institution, opened: Opened) -> None:
    listens(opened(lambda _request: b""), IIA_CNR)
    outcome = Carrier([IIA_CNR]).deliver(slip(IIA_CNR, "a"))
    assert (outcome.ended, outcome.code) == (Ended.SILENT, "connection-closed")


def test_nobody_listens_where_the_catalogue_names_none(home: Institution, opened: Opened) -> None:
    partner = opened()
    listens(partner, OMOBILITY)
    assert Carrier([IIA_CNR]).deliver(slip(IIA_CNR, "a")).ended is Ended.NOBODY
    assert Carrier([OLDER]).deliver(slip(OLDER, "a")).ended is Ended.NOBODY
    assert partner.received == []


def test_an_institution_that_left_tells_nobody(home: Institution, opened: Opened) -> None:
    listens(opened(), IIA_CNR)
    Institution.objects.update(hosted=False)
    outcome = Carrier([IIA_CNR]).deliver(slip(IIA_CNR, "a"))
    assert (outcome.ended, outcome.code) == (Ended.REFUSED, "not-hosted")


def test_every_receiver_that_is_served_is_carried() -> None:
    served = {api.element for api in server.APIS if api.notifies}
    assert served <= set(outbox.CARRIERS)
    assert served <= set(FORMS)


# Coming in


def kept() -> list[tuple[str, str, str, str]]:
    return [
        (row.hei_id, row.partner, row.api, row.object_id)
        for row in Notification.objects.filter(direction="in").order_by("pk")
    ]


@pytest.fixture
def trial(network: Network) -> Network:
    """A node that serves the trial receivers beside the others."""
    gate = server.Gate((*server.APIS, OMOBILITY, INCOMING))
    return replace(network, send=lambda request: call_app(request, app=gate))


def post(
    network: Network, path: str, *pairs: tuple[str, str], by: Signer | None = None
) -> Response:
    return network.ask(path, pairs, method="POST", by=by)


def test_word_is_kept_and_answered_with_the_empty_element(
    trial: Network, ewp_schemas: Official
) -> None:
    answer = post(
        trial, "omobility-cnr/v2", ("sending_hei_id", PARTNER), ("omobility_id", "a"),
        ("omobility_id", "b"), ("unknown", "ignored"),
    )  # fmt: skip
    assert (answer.status, answer.body) == (200, notifications.response(OMOBILITY))
    assert kept() == [
        (HEI, PARTNER, "omobility-cnr", "a"),
        (HEI, PARTNER, "omobility-cnr", "b"),
    ]


def test_the_same_word_twice_is_kept_once(trial: Network) -> None:
    for _time in range(2):
        pairs = [("receiving_hei_id", PARTNER), ("omobility_id", "a")]
        assert post(trial, "imobility-tor-cnr/v2", *pairs).status == 200
    assert kept() == [(HEI, PARTNER, "imobility-tor-cnr", "a")]


SENDER = ("sending_hei_id", PARTNER)


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([SENDER], 400),  # no id
        ([SENDER, ("omobility_id", "")], 400),
        ([("omobility_id", "a")], 400),  # no sender
        ([SENDER, SENDER, ("omobility_id", "a")], 400),
        ([SENDER, *[("omobility_id", "a")] * 4], 400),  # too many, though all the same
        ([("sending_hei_id", "other.example"), ("omobility_id", "a")], 403),
    ],
)
def test_only_a_wrong_request_is_refused(
    trial: Network, pairs: list[tuple[str, str]], status: int
) -> None:
    assert (post(trial, "omobility-cnr/v2", *pairs).status, kept()) == (status, [])


def test_a_key_of_several_institutions_may_speak_for_any_and_one_of_none_for_nobody(
    trial: Network,
) -> None:
    platform = known("platform", ["one.example", "two.example"])
    nobody = known("nobody", [])
    assert post(trial, "iia-cnr/v3", ("iia_id", "a"), by=platform).status == 200
    assert {partner for _hei, partner, _api, _id in kept()} <= {"one.example", "two.example"}
    pairs = [("sending_hei_id", "two.example"), ("omobility_id", "x")]
    assert post(trial, "omobility-cnr/v2", *pairs, by=platform).status == 200
    assert kept()[-1] == (HEI, "two.example", "omobility-cnr", "x")
    before = kept()
    assert post(trial, "omobility-cnr/v2", *pairs, by=nobody).status == 403
    assert kept() == before


@pytest.mark.parametrize("element", sorted(FORMS))
def test_the_answer_of_every_receiver_is_what_its_schema_says(
    ewp_schemas: Official, element: str
) -> None:
    major = {"iia-cnr": 3, "omobility-la-cnr": 1}.get(element, 2)
    assert ewp_schemas.problems(notifications.response(receiver(element, major))) == []


# Between processes


def relay(port: Callable[[], int]) -> Callable[[Request], bytes]:
    """A script that hands a request to the server behind it, as a TLS proxy does."""

    def script(request: Request) -> bytes:
        answer = call_server(request, port=port())
        ours = {"connection", "content-length", "transfer-encoding"}
        headers = tuple(pair for pair in answer.headers if pair[0].lower() not in ours)
        return wire(replace(answer, headers=headers))

    return script


def work(trusted: Authority, data: Path) -> None:
    """Runs a real worker until nothing waits."""
    words = "import sys; from vaihto.command import main; sys.exit(main(['work', '--until-idle']))"
    subprocess.run(
        [sys.executable, "-c", words],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "VAIHTO_DATA": str(data),
            "VAIHTO_DATABASE_URL": database_url(),
            "VAIHTO_FIELD_KEYS": "the-newest-test-key",
            "VAIHTO_CATALOGUE_URL": CATALOGUE,
            "VAIHTO_CA_FILE": str(trusted.file),
            "VAIHTO_ALLOW_PRIVATE_ADDRESSES": "yes",
            "VAIHTO_LOG_LEVEL": "ERROR",
        },
        check=True,
        timeout=180,
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_word_goes_from_a_worker_through_a_server_into_the_inbox_and_is_fetched(
    settings: Settings, opened: Opened, trusted: Authority, tmp_path: Path
) -> None:
    settings.CATALOGUE_URL = CATALOGUE
    ports: list[int] = []
    front = opened(relay(lambda: ports[0]))
    for hei_id, api, name in ((HEI, IIAS, "get-url"), (PARTNER, IIA_CNR, "url")):
        own_key(institution(hei_id), since=NOW - DAY, word=hei_id)
        known(hei_id, [hei_id])
        path = next(each.path for each in api.endpoints if each.name == name)
        urls = {name: f"{front.url}/ewp/{hei_id}/{path}"}
        in_catalogue(CATALOGUE, hei_id=hei_id, apis=[(api, urls)], server_keys=["node"])
    Key.objects.filter(
        pk=own_key(Institution.objects.get(hei_id=HEI), since=NOW - DAY, word="node").pk
    ).update(purpose=Key.Purpose.SERVER, institution=None)
    with transaction.atomic():
        outbox.notify(
            hei_id=HEI, partner=PARTNER, api="iia-cnr", object_ids=["a", "b"], now=timezone.now()
        )
    with serving(SERVED_PUBLIC_URL=front.url) as url:
        ports.append(urlsplit(url).port or 0)
        work(trusted, tmp_path)
    rows = Notification.objects.order_by("direction", "object_id")
    assert [(row.direction, row.hei_id, row.object_id, row.state, row.outcome) for row in rows] == [
        ("in", PARTNER, "a", "done", "ok"),
        ("in", PARTNER, "b", "done", "ok"),
        ("out", HEI, "a", "done", "ok"),
        ("out", HEI, "b", "done", "ok"),
    ]
    paths = sorted(request.path.rpartition("/ewp/")[2] for request in front.received)
    assert paths == [
        f"{PARTNER}/iia-cnr/v3",
        f"{PARTNER}/iia-cnr/v3",
        f"{HEI}/iias/v7/get",
        f"{HEI}/iias/v7/get",
    ]

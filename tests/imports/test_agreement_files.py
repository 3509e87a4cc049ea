"""Long spreadsheets with agreements: looked at in the page, carried out in the background, broken off without harm."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agreements.two import US, Clock, both_ways
from tests.cast import Cast, account, institution, role
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement
from vaihto.channels import spreadsheet
from vaihto.channels.models import AgreementFile, Landing
from vaihto.imports import agreements
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import run
from vaihto.jobs.models import Work
from vaihto.journal.models import Entry
from vaihto.people.models import Role

P = "partner.example"
COLUMNS = (
    "agreement;partner;kind;sending;receiving;first_year;last_year;people;months;areas;levels;"
    "skills;blended"
)


def file_of(own: str, count: int, *, people: str = "2") -> bytes:
    """So many agreements with two conditions each."""
    lines = [
        f"X-{number:04};{P};studies;{way};2026/2027;2028/2029;{people};10;0613;6;en B2;no"
        for number in range(count)
        for way in (f"{own};{P}", f"{P};{own}")
    ]
    return "\n".join([COLUMNS, *lines]).encode()


@pytest.fixture
def place(db: None) -> Institution:
    institution(P, hosted=False)
    return institution("a.example")


def kept(place: Institution, content: bytes) -> AgreementFile:
    return spreadsheet.bring(
        actor=US, institution=place, landing=Landing.OURS, name="x.csv", content=content,
        digest="d" * 64, now=Clock()(),
    )  # fmt: skip


def test_looking_at_many_agreements_takes_as_many_queries_as_at_few(place: Institution) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            plans = agreements.plans_of(
                file_of("a.example", count), institution=place, landing=Landing.OURS
            )
        assert [one.verdict for one in plans] == ["created"] * count
        return len(captured)

    assert queries(400) == queries(4)


def test_a_long_file_is_carried_out_in_the_background(
    cast: Cast,
) -> None:
    manager = account("manager")
    role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
    institution(P, hosted=False)
    client = Client()
    client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    count = agreements.AT_ONCE + 1
    upload = SimpleUploadedFile("x.csv", file_of(cast.sending.hei_id, count))
    address = client.post(
        reverse("without-ewp:files"), {"landing": "ours", "file": upload}
    ).headers["Location"]
    assert "Bring the good ones in" in client.get(address).content.decode()
    assert [client.post(address).status_code for _click in range(2)] == [302, 200]
    work = Work.objects.get()
    assert not Agreement.objects.exists()
    waiting = client.get(address).content.decode()
    assert "You may close this page; the work goes on." in waiting
    assert run(work).result == {"created": count}
    assert Agreement.objects.count() == count
    line = Entry.objects.get(verb="channels.bring-file")
    assert line.changes == {"agreements": [0, count]}
    assert "What became of it" in client.get(address).content.decode()
    progress = client.get(reverse("web:work", args=[work.pk])).content.decode()
    assert address in progress


class _BrokenOff(BaseException):
    """A worker that is killed."""


def test_what_was_broken_off_goes_on_where_it_stopped(place: Institution) -> None:
    file = kept(place, file_of("a.example", 120))

    def dies(done: int, _total: int) -> None:
        if done >= 100:
            raise _BrokenOff

    def carry(**more: Any) -> list[dict[str, str]]:
        plans = agreements.plans_of_file(file)
        return spreadsheet.carry_out(actor=US, file=file, plans=plans, now=Clock()(), **more)

    with pytest.raises(_BrokenOff):
        carry(tell=dies)
    assert Agreement.objects.count() == 100
    file.refresh_from_db()
    assert file.done_at is None
    told = carry()
    assert [one["verdict"] for one in told] == ["created"] * 120
    assert sorted(one["code"] for one in told) == [f"X-{number:04}" for number in range(120)]
    assert Agreement.objects.count() == 120
    assert all(one.revisions.count() == 1 for one in Agreement.objects.all())


def test_what_somebody_changed_after_the_look_is_not_overwritten(place: Institution) -> None:
    first = kept(place, file_of("a.example", 2))
    spreadsheet.carry_out(
        actor=US, file=first, plans=agreements.plans_of_file(first), now=Clock()()
    )
    second = kept(place, file_of("a.example", 2, people="7"))
    plans = agreements.plans_of_file(second)
    changed = Agreement.objects.get(code="X-0000")
    actions.edit(
        actor=US, agreement=changed, terms=both_ways("a.example", P, people="3"), now=Clock()()
    )
    told = spreadsheet.carry_out(actor=US, file=second, plans=plans, now=Clock()())
    assert [one["verdict"] for one in told] == ["refused", "changed"]
    changed.refresh_from_db()
    assert {one.people for one in changed.terms.conditions} == {"3"}

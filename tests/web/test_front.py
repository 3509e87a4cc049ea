"""Signing in and out, languages, refusals, headers: what stands around every page."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.cast import PASSWORD, Cast, account
from tests.web.conftest import AsSomebody
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale, Unknown
from vaihto.web.account.signing_in import DEMO_PASSWORD
from vaihto.web.middleware import RefusalMiddleware
from vaihto.web.turn import Queue, Source, Waiting


def test_signing_in_leads_to_the_page_that_was_asked(cast: Cast) -> None:
    client = Client()
    asked = client.get("/office/mobilities?state=done")
    assert asked.headers["Location"] == "/sign-in?next=/office/mobilities%3Fstate%3Ddone"
    answer = client.post(
        "/sign-in",
        {"username": "bruno", "password": PASSWORD, "next": "/office/mobilities?state=done"},
    )
    assert answer.headers["Location"] == "/office/mobilities?state=done"


def test_signing_in_never_leads_to_another_site(cast: Cast) -> None:
    answer = Client().post(
        "/sign-in", {"username": "bruno", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_is_not_told_from_a_wrong_name(cast: Cast) -> None:
    wrong = Client().post("/sign-in", {"username": "bruno", "password": "x"})
    nobody = Client().post("/sign-in", {"username": "nobody", "password": "x"})
    assert wrong.status_code == nobody.status_code == 200
    for answer in (wrong, nobody):
        assert "No account fits this user name and password." in answer.content.decode()


def test_too_many_attempts_lock_the_name(cast: Cast) -> None:
    client = Client()
    for _each in range(8):
        answer = client.post("/sign-in", {"username": "bruno", "password": "x"})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    assert client.post("/sign-in", {"username": "bruno", "password": PASSWORD}).status_code == 429


def test_an_account_that_is_switched_off_cannot_sign_in(cast: Cast) -> None:
    cast.bruno.is_active = False
    cast.bruno.save()
    answer = Client().post("/sign-in", {"username": "bruno", "password": PASSWORD})
    assert answer.status_code == 200


def test_signing_out_ends_the_session(bruno: Client) -> None:
    assert bruno.post("/sign-out").headers["Location"] == "/sign-in"
    assert bruno.get("/").status_code == 302
    assert bruno.get("/sign-out").status_code == 405


def test_demo_persons_are_listed_only_on_a_demo(cast: Cast, settings: object) -> None:
    account("demo-visitor", name="Vera Visitor")
    assert "Vera Visitor" not in Client().get("/sign-in").content.decode()
    assert Client().post("/sign-in/demo", {"username": "demo-visitor"}).status_code == 404
    settings.DEMO = True  # type: ignore[attr-defined]
    assert "Vera Visitor" in Client().get("/sign-in").content.decode()


def test_one_click_signs_in_demo_persons_and_nobody_else(cast: Cast, settings: object) -> None:
    settings.DEMO = True  # type: ignore[attr-defined]
    visitor = account("demo-visitor")
    visitor.set_password(DEMO_PASSWORD)
    visitor.save()
    cast.bruno.set_password(DEMO_PASSWORD)
    cast.bruno.save()
    assert Client().post("/sign-in/demo", {"username": "bruno"}).status_code == 404
    assert Client().post("/sign-in/demo", {"username": "demo-visitor"}).status_code == 302


def test_the_language_is_kept_with_the_account_and_in_the_journal(
    cast: Cast, bruno: Client
) -> None:
    answer = bruno.post("/language", {"language": "fi", "next": "/account"})
    assert answer.headers["Location"] == "/account"
    cast.bruno.refresh_from_db()
    assert cast.bruno.language == "fi"
    assert Entry.objects.filter(verb="account.language").count() == 1
    assert '<html lang="fi">' in bruno.get("/account").content.decode()


def test_a_stranger_keeps_the_language_in_a_cookie(db: None) -> None:
    client = Client()
    client.post("/language", {"language": "sv"})
    assert '<html lang="sv">' in client.get("/sign-in").content.decode()


def test_a_language_we_do_not_speak_is_refused(db: None) -> None:
    assert Client().post("/language", {"language": "xx"}).status_code == 400


def test_a_new_password_works_and_the_session_goes_on(cast: Cast, bruno: Client) -> None:
    new = "another quiet registrar of nine"
    answer = bruno.post(
        "/account/password",
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )
    assert answer.status_code == 302
    assert bruno.get("/account").status_code == 200
    assert Client().post("/sign-in", {"username": "bruno", "password": new}).status_code == 302


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (NotAllowed("x"), 403),
        (Unknown("x"), 404),
        (Stale("x"), 409),
        (Invalid("x"), 400),
        (Refusal("x"), 409),
    ],
)
def test_a_refusal_becomes_a_page_with_its_status(refusal: Refusal, status: int, db: None) -> None:
    request = RequestFactory().get("/somewhere")
    request.actor, request.htmx = Actor.stranger(), False  # type: ignore[attr-defined]
    answer = RefusalMiddleware(lambda _request: None).process_exception(request, refusal)  # type: ignore[arg-type, return-value]
    assert answer is not None
    assert answer.status_code == status


def test_a_refusal_names_its_facts_in_the_language_of_the_reader(db: None) -> None:
    request = RequestFactory().get("/somewhere")
    request.actor, request.htmx = Actor.stranger(), True  # type: ignore[attr-defined]
    refusal = Refusal("x", sentence="%(name)s is taken.", remedy="Choose another.", name="<b>")
    answer = RefusalMiddleware(lambda _request: None).process_exception(request, refusal)  # type: ignore[arg-type, return-value]
    text = answer.content.decode()  # type: ignore[union-attr]
    assert "&lt;b&gt; is taken. Choose another." in text
    assert "<html" not in text


def test_a_fault_is_not_made_into_a_page(db: None) -> None:
    request = RequestFactory().get("/somewhere")
    middleware = RefusalMiddleware(lambda _request: None)  # type: ignore[arg-type, return-value]
    assert middleware.process_exception(request, ValueError("x")) is None


def test_pages_are_private_and_nothing_foreign_or_inline_may_run(bruno: Client) -> None:
    answer = bruno.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "private, no-store"
    text = answer.content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick=" not in text


def test_what_does_not_exist_and_what_one_may_not_see_are_one_page(
    cast: Cast, signed_in: AsSomebody
) -> None:
    dara = signed_in(cast.dara)
    hidden = dara.get(reverse("office:mobility", args=[cast.mobility.pk]))
    absent = dara.get(reverse("office:mobility", args=[987654]))
    nowhere = dara.get("/no/such/page")
    assert hidden.status_code == absent.status_code == nowhere.status_code == 404
    assert "There is no such page" in hidden.content.decode()


def test_work_is_shown_to_who_asked_and_to_operators(cast: Cast, signed_in: AsSomebody) -> None:
    work = Work.objects.create(
        kind="tests.unnamed", account_id=cast.bruno.pk, state="running", done=3, total=12
    )
    address = reverse("web:work", args=[work.pk])
    page = signed_in(cast.bruno).get(address).content.decode()
    assert "3 of 12 done, 9 left" in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    piece = signed_in(cast.bruno).get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert signed_in(cast.operator).get(address).status_code == 200
    assert signed_in(cast.dara).get(address).status_code == 404


@pytest.fixture
def one_source(only_sources: list[Source]) -> None:
    only_sources.append(
        lambda _actor, _today: Queue(
            key="k", title="Letters", why="", lines=[Waiting(title="A letter", href="/x")], total=1
        )
    )


def test_what_waits_stands_on_the_first_page(bruno: Client, one_source: None) -> None:
    text = bruno.get("/").content.decode()
    assert '<a href="/x">A letter</a>' in text


def test_nothing_waiting_is_said(cast: Cast, signed_in: AsSomebody) -> None:
    assert "Nothing waits for you." in signed_in(cast.dara).get("/").content.decode()


def test_the_menu_shows_what_one_may_do(cast: Cast, signed_in: AsSomebody) -> None:
    menus = {}
    for name in ("aino", "bruno", "secretary", "operator"):
        text = signed_in(getattr(cast, name)).get("/").content.decode()
        menus[name] = {
            word for word in ("Mobilities", "My data", "Roles") if f">{word}</a>" in text
        }
    assert menus == {
        "aino": {"My data"},
        "bruno": {"Mobilities"},
        "secretary": set(),
        "operator": {"Roles"},
    }


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()

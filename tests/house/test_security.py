"""What guards the doors: throttled sign-in, a strict policy, cookies, forms, and logs without people."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from logging.config import DictConfigurator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from tests.cast import NOON, PASSWORD, Cast
from vaihto import logs
from vaihto.imports import actions as imports
from vaihto.people.models import Account
from vaihto.web.operations.requests import address_of

PROJECT = Path(__file__).resolve().parents[2]


def sign_in(client: Client, username: str, password: str) -> int:
    return client.post("/sign-in", {"username": username, "password": password}).status_code


def is_signed_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def test_the_right_password_signs_in(cast: Cast, client: Client) -> None:
    assert sign_in(client, "bruno", PASSWORD) == 302
    assert is_signed_in(client)


def test_after_eight_wrong_passwords_the_right_one_does_not_open(
    cast: Cast, client: Client
) -> None:
    answers = [sign_in(client, "bruno", "wrong") for _attempt in range(8)]
    assert answers == [200] * 7 + [429]
    assert sign_in(client, "bruno", PASSWORD) == 429
    assert not is_signed_in(client)
    assert sign_in(Client(REMOTE_ADDR="198.51.100.7"), "bruno", PASSWORD) == 302


def test_guessing_at_one_account_does_not_lock_another(cast: Cast, client: Client) -> None:
    for _attempt in range(8):
        sign_in(client, "bruno", "wrong")
    assert sign_in(client, "chiara", PASSWORD) == 302


@pytest.mark.parametrize(
    ("is_behind", "forwarded", "address"),
    [
        (True, "203.0.113.5", "203.0.113.5"),
        (True, "10.1.1.1, 203.0.113.5", "203.0.113.5"),  # the first was sent by the visitor
        (True, "", "127.0.0.1"),
        (False, "203.0.113.5", "127.0.0.1"),
    ],
)
def test_only_the_proxy_is_believed_about_where_a_request_comes_from(
    is_behind: bool, forwarded: str, address: str, settings: Settings, rf: RequestFactory
) -> None:
    settings.BEHIND_PROXY = is_behind
    assert address_of(rf.get("/", headers={"X-Forwarded-For": forwarded})) == address


def test_a_closed_account_does_not_open(cast: Cast, client: Client) -> None:
    Account.objects.filter(pk=cast.bruno.pk).update(is_active=False)
    assert sign_in(client, "bruno", PASSWORD) == 200
    assert not is_signed_in(client)


def test_a_session_ends_when_the_account_is_closed(cast: Cast, client: Client) -> None:
    sign_in(client, "bruno", PASSWORD)
    Account.objects.filter(pk=cast.bruno.pk).update(is_active=False)
    assert not is_signed_in(client)


def test_a_new_password_ends_other_sessions(cast: Cast, client: Client) -> None:
    sign_in(client, "bruno", PASSWORD)
    cast.bruno.set_password("another long passphrase")
    cast.bruno.save()
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(target: str, cast: Cast, client: Client) -> None:
    answer = client.post("/sign-in", {"username": "bruno", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_form_without_its_token_is_refused(cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.bruno, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(f"/office/sides/{cast.outgoing.pk}/cancel").status_code == 403


def test_the_policy_allows_our_own_files_and_nothing_inline(cast: Cast, client: Client) -> None:
    policy = dict(
        part.strip().split(" ", 1)
        for part in client.get("/sign-in").headers["Content-Security-Policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_headers_that_browsers_heed(client: Client, db: None) -> None:
    headers = client.get("/sign-in").headers
    assert {
        name: headers[name]
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")
    } == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
    }


def test_pages_of_those_who_signed_in_are_kept_by_no_cache(cast: Cast, client: Client) -> None:
    sign_in(client, "bruno", PASSWORD)
    assert client.get("/office/mobilities").headers["Cache-Control"] == "private, no-store"


def test_a_page_of_another_host_is_not_answered(client: Client, db: None) -> None:
    assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 400


def configured(**environment: str) -> dict[str, object]:
    """Settings as a process of its own reads them."""
    names = [
        "ALLOWED_HOSTS", "CSRF_COOKIE_SECURE", "CSRF_TRUSTED_ORIGINS", "FORCE_SCRIPT_NAME",
        "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_HTTPONLY",
        "SESSION_COOKIE_SECURE", "USE_X_FORWARDED_HOST",
    ]  # fmt: skip
    code = (
        "import json; from vaihto import settings as s;"
        f"print(json.dumps({{n: getattr(s, n, None) for n in {names}}}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "VAIHTO_DATA": str(settings.DATA), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, object] = json.loads(told.stdout)
    return found


def test_an_https_address_makes_cookies_secure_and_browsers_remember() -> None:
    found = configured(
        VAIHTO_PUBLIC_URL="https://example.org:8443/vaihto", VAIHTO_BEHIND_PROXY="yes"
    )
    assert found == {
        "ALLOWED_HOSTS": ["example.org"],
        "CSRF_COOKIE_SECURE": True,
        "CSRF_TRUSTED_ORIGINS": ["https://example.org:8443"],
        "FORCE_SCRIPT_NAME": "/vaihto",
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_SSL_REDIRECT": False,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": True,
        "USE_X_FORWARDED_HOST": True,
    }


def test_without_a_proxy_forwarded_headers_are_not_believed() -> None:
    found = configured(VAIHTO_PUBLIC_URL="https://example.org")
    assert (found["USE_X_FORWARDED_HOST"], found["SECURE_SSL_REDIRECT"]) == (None, True)


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """Everything that would be logged at the usual level, with the real formatter."""
    stream = io.StringIO()
    made = DictConfigurator(logs.configuration("INFO"))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(made.configure_formatter(made.config["formatters"]["lines"]))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(before)


def test_the_request_log_says_which_page_and_not_what_was_searched(
    cast: Cast, client: Client, log: Callable[[], str]
) -> None:
    client.force_login(cast.bruno, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/search", {"q": "Virtanen-Leakable"})
    (line,) = [json.loads(text) for text in log().splitlines() if "vaihto.requests" in text]
    assert {key: line[key] for key in ("event", "page", "method", "status", "account")} == {
        "event": "request",
        "page": "web:search",
        "method": "GET",
        "status": 200,
        "account": cast.bruno.pk,
    }
    assert "Leakable" not in log()


def test_signing_in_and_failing_to_leave_no_name_in_the_log(
    cast: Cast, client: Client, log: Callable[[], str]
) -> None:
    for password in ("wrong", PASSWORD):
        sign_in(client, "bruno", password)
    for _attempt in range(9):
        sign_in(client, "chiara", "wrong")
    told = log()
    assert told != ""
    assert [
        word
        for word in ("bruno", "Bruno", "chiara", "127.0.0.1", "wrong", PASSWORD)
        if word in told
    ] == []


def test_bringing_people_in_leaves_none_of_them_in_the_log(
    cast: Cast, log: Callable[[], str]
) -> None:
    file = (
        "key,family_name,given_names,birth_date,email,identity_code\n"
        "S-1,Salanimi,Sanna,2001-02-03,sanna@example.org,030201A901X\n"
        "S-2,Virhe,Viljo,not-a-day,viljo@example.org,\n"
    )
    actor = cast.actor(cast.bruno)
    batch = imports.receive(
        actor=actor,
        institution=cast.sending,
        kind="persons",
        file=io.BytesIO(file.encode()),
        name="Salanimi.csv",
        now=NOON,
    )
    batch = imports.make_preview(actor=actor, batch=batch, now=NOON)
    imports.carry_out(actor=actor, batch=batch, mode="good_lines", now=NOON)
    told = log()
    words = ("Salanimi", "Sanna", "sanna@", "030201A901X", "Virhe", "Viljo", "S-1")
    assert [word for word in words if word in told] == []

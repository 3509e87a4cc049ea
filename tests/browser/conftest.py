"""A headless Chromium before a live server that holds the cast."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.cast import Cast, build_cast
from tests.left_out import chromium
from vaihto.people.models import Account

# A click may come back as soon as the answer begins: what shall stand on the page after it is waited for, so long.
PATIENCE_SECONDS = 30
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium")
    # Playwright's synchronous form keeps an event loop in this thread; our database calls are not in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def new_context(
    chromium_browser: Browser, live_server: LiveServer
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a fresh browser window; options are Playwright's (`color_scheme`, `java_script_enabled`, …)."""
    opened: list[BrowserContext] = []

    def make(*, account: Account | None = None, **options: Any) -> BrowserContext:
        context = chromium_browser.new_context(base_url=live_server.url, locale="en-GB", **options)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        if account is not None:
            context.add_cookies([session_cookie(account, live_server.url)])
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


def session_cookie(account: Account, url: str) -> Any:
    """What the browser would hold after `account` had signed in."""
    session = SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key), "url": url}


@pytest.fixture
def people(live_server: LiveServer) -> Cast:
    """The cast, committed, so that the server sees it."""
    return build_cast()


@pytest.fixture
def page_as(new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """A page of a window in which the account has signed in."""

    def open_page(account: Account | None = None, **options: Any) -> Page:
        return new_context(account=account, **options).new_page()

    return open_page

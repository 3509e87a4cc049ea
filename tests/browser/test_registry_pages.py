"""The registry's own pages in a browser: no barriers, in light and dark, on a telephone, and its one button."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW, violations
from tests.ewp.test_local_registry import (
    BETA_URL,
    OWN,
    URL,
    Nodes,
    discovery,
    echo,
    file,
    manifest,
)
from vaihto.ewp.local.pages import Application
from vaihto.ewp.local.running import LocalRegistry
from vaihto.ewp.local.sources import Options, Source

AWAY = "https://node.gamma.eu/ewp/gamma.eu/manifest.xml"


class _Silent(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A registry with a good manifest, one with something to put right, and one that cannot be had."""
    nodes = Nodes()
    nodes.manifests = {URL: manifest().write(), BETA_URL: manifest(discovery(), echo(), file("https://intra")).write()}  # fmt: skip
    sources = tuple(Source(url) for url in (URL, BETA_URL, AWAY))
    registry = LocalRegistry(Options(folder=tmp_path, own=OWN, sources=sources), fetch=nodes)
    registry.reload_all()
    with make_server("127.0.0.1", 0, Application(registry), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_the_registry(
    chromium_browser: Browser, site: str, scheme: str
) -> None:
    with chromium_browser.new_context(base_url=site, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_text("ERROR: not imported")).to_have_count(2)
        addresses = page.get_by_role("rowheader").get_by_role("link").all()
        paths = [str(one.get_attribute("href")) for one in addresses]
        assert len(paths) == 3
        found = violations(page)
        for path in (*paths, "/status?url=unknown", "/nothing"):
            page.goto(path)
            found += violations(page)
        assert found == []


def test_on_a_telephone_a_manifest_is_read_again(chromium_browser: Browser, site: str) -> None:
    with chromium_browser.new_context(
        base_url=site, viewport={"width": 320, "height": 640}, java_script_enabled=False
    ) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_role("link", name=URL).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Status of a manifest")
        page.get_by_role("button", name="Read the manifest now").click()
        expect(page.get_by_text("OK: imported")).to_be_visible()


def test_no_page_is_wider_than_a_telephone(chromium_browser: Browser, site: str) -> None:
    with chromium_browser.new_context(
        base_url=site, viewport={"width": 320, "height": 640}
    ) as context:
        page = context.new_page()
        page.goto("/")
        paths = [str(one.get_attribute("href")) for one in page.get_by_role("link").all()]
        for path in ("/", *(path for path in paths if path.startswith("/status"))):
            page.goto(path)
            assert not page.evaluate(WIDER_THAN_ITS_WINDOW), path

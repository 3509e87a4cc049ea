"""A node behind a proxy that ends TLS, under any host name, port and path, is a node like any other."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.journeys.asking import ask, echo
from vaihto.command.box import Network, lay_out
from vaihto.command.filling import Plan
from vaihto.command.processes import HOST

pytestmark = pytest.mark.slow

NORTH, SOUTH = "javorec.example", "costaclara.example"
PATH = "/alliance/mobility"


class Proxy(ThreadingHTTPServer):
    """Ends TLS and hands everything on unchanged, `Host` and path included, as deploy/nginx.conf does."""

    daemon_threads = True
    behind: int = 0


class _Handing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        onward = http.client.HTTPConnection(HOST, self.server.behind, timeout=30)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "x-forwarded-proto", "x-forwarded-for"}:
                onward.putheader(name, value)
        onward.putheader("X-Forwarded-Proto", "https")
        onward.putheader("X-Forwarded-For", self.client_address[0])
        onward.endheaders(body)
        answer = onward.getresponse()
        content = answer.read()
        # It stamps its own Date, as proxies do.
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "date", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        onward.close()

    do_GET = do_POST = do_PUT = do_DELETE = _hand_on  # noqa: N815 - the names that the library calls

    def log_message(self, *_words: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Two nodes: one behind the proxy at https://localhost:PORT/alliance/mobility, one without."""
    proxy = Proxy((HOST, 0), _Handing)  # has its port from now on, before anybody is told of it
    port = proxy.server_address[1]
    plans = (Plan("north", (NORTH,), f"https://localhost:{port}{PATH}"), Plan("south", (SOUTH,)))
    whole = lay_out(tmp_path_factory.mktemp("network"), plans=plans)
    proxy.behind = whole.node("north").port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole.papers.certificate, whole.papers.key)
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    serving = threading.Thread(target=proxy.serve_forever, daemon=True)
    serving.start()
    try:
        whole.start(work=False)
        yield whole
    finally:
        whole.stop()
        proxy.shutdown()
        proxy.server_close()
        serving.join()


def test_its_manifest_names_the_public_address(network: Network) -> None:
    north = network.node("north")
    assert north.url.endswith(PATH)
    network.reload(north.manifest_url(NORTH))
    page = network.ask(network.status_url(north.manifest_url(NORTH)))
    assert "OK: imported" in page
    assert f"{north.url}/ewp/{NORTH}/" in network.ask(network.catalogue_url)


def test_it_is_called_and_calls(network: Network) -> None:
    to, back = (
        ask(
            network.node("south"),
            echo(SOUTH, NORTH, "ä b&c", "d+e"),
            (SOUTH, NORTH, "institutions", "url", [("hei_id", NORTH)]),
        ),
        ask(network.node("north"), echo(NORTH, SOUTH, "x")),
    )
    for answer in (*to, *back):
        assert (answer["outcome"], answer["signature"]) == ("ok", "verified"), answer
    assert "<echo>ä b&amp;c</echo><echo>d+e</echo>" in to[0]["body"]


def test_people_find_its_pages_under_the_path(network: Network) -> None:
    page = network.ask(f"{network.node('north').url}/sign-in")
    assert f'href="{PATH}/static/' in page

"""A partner as a process of its own: takes notifications over HTTP, writes down what came, and is not always well.

`python -m tests.jobs.listener PORT_FILE RECORD SEED`. One line of JSON for each request, written before the answer:
moment, partner, what came and when it was asked, when it is answered, and the status (0 for none at all).
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CUT = 0  # the connection is closed without an answer


def main(port_file: str, record: str, seed: str) -> None:
    chance = random.Random(int(seed))  # noqa: S311 - no secret
    lock = threading.Lock()
    book = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    well = Path(f"{record}.well")  # from now on every answer is 200, at once

    class Listener(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            at = time.monotonic()
            with lock:
                status, pause = _mood(chance) if not well.exists() else (200, 0.0)
                line = {"at": at, "partner": self.path[1:], **told, "status": status}
                line["until"] = at + pause
                os.write(book, json.dumps(line).encode() + b"\n")
            time.sleep(pause)
            if status == CUT:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_about: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_about: object) -> None:
            pass  # a caller that was killed closes its connection

    server = Server(("127.0.0.1", 0), Listener)
    fresh = Path(f"{port_file}.new")
    fresh.write_text(str(server.server_address[1]))
    fresh.rename(port_file)
    server.serve_forever()


def _mood(chance: random.Random) -> tuple[int, float]:
    """Status and seconds before the answer."""
    throw = chance.random()
    if throw < 0.70:
        return 200, chance.uniform(0, 0.03)
    if throw < 0.80:
        return 200, chance.uniform(0.05, 0.4)
    if throw < 0.88:
        return 500, 0.0
    if throw < 0.93:
        return CUT, chance.uniform(0, 0.1)
    if throw < 0.96:
        return 503, 0.0
    return 200, 1.5  # longer than the caller waits


if __name__ == "__main__":
    main(*sys.argv[1:])

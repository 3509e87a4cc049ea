"""The network as a person starts it: what is killed comes back, and in the end nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vaihto.command import box
from vaihto.command.demonstration import _set_environment
from vaihto.command.filling import plain_environ
from vaihto.command.processes import answers
from vaihto.ewp.local import authority

VAIHTO = [sys.executable, "-c", "import sys; from vaihto.command import main; sys.exit(main())"]
PROJECT = Path(__file__).resolve().parents[2]


def vaihto(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VAIHTO, *words],
        cwd=PROJECT,
        env={**plain_environ(), **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- Wrong use ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("registry",), "--source"),
        (("registry", "--source", "http://plain.eu/m.xml"), "https"),
        (("registry", "--source", "https://a.eu/m.xml", "--key", "key.pem"), "belong together"),
        (("registry", "--sources", "/nowhere/list.txt"), "cannot be read"),
    ],
)
def test_a_registry_that_cannot_be_run_says_why(words: tuple[str, ...], told: str) -> None:
    ended = vaihto(*words)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    ended = vaihto("serve", "--certificate", "c.pem", VAIHTO_DATA=str(tmp_path))
    assert (ended.returncode, "belong together" in ended.stderr) == (2, True)


class Catalogued(box.Network):
    """A network of one node on paper, whose institutions are listed after so many readings."""

    readings: ClassVar[dict[str, int]] = {}
    read: ClassVar[list[str]] = []

    def reload(self, manifest_url: str) -> None:
        self.read.append(manifest_url)

    def ask(self, _url: str, _body: bytes | None = None) -> str:
        listed = [
            hei_id
            for hei_id, number in self.readings.items()
            if self.read.count(self.nodes[0].manifest_url(hei_id)) >= number
        ]
        return "".join(f">{hei_id}<" for hei_id in listed)


def test_a_manifest_that_a_busy_node_did_not_answer_is_read_again(tmp_path: Path) -> None:
    nothing = box.Part("nothing", [], {}, tmp_path)
    papers = authority.Papers(tmp_path, tmp_path, tmp_path)
    plan = box.PLANS[0]
    node = box.Node(plan, "https://n.example", 0, tmp_path, {}, tmp_path, nothing, nothing)
    whole = Catalogued(tmp_path, papers, nothing, "https://r.example", [node])
    first, second = plan.hosts
    whole.readings.update({first: 1, second: 2})
    whole._list(lambda: False)
    assert whole.read == [node.manifest_url(one) for one in (first, second, second)]
    whole.readings[second] = 9
    with pytest.raises(box.NotStarted, match=second):
        whole._list(lambda: True)


# --- The whole ---------------------------------------------------------------------------------


def group_is_gone(pid: int) -> bool:
    """Has the process ended, with everything in its session?"""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


def soon(what: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`vaihto network --json` as it runs, and what it printed."""
    command = [*VAIHTO, "network", "--json", "--port", "0", "--folder", str(tmp_path / "network")]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=plain_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield process, json.loads(line or "{}")
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
def test_what_is_killed_is_started_again_and_in_the_end_nothing_is_left(
    network: tuple[subprocess.Popen[str], dict[str, Any]],
) -> None:
    process, told = network
    assert [node["name"] for node in told["nodes"]] == ["north", "south", "east"]
    children: dict[str, int] = told["processes"]
    assert len(children) == 7
    south = told["nodes"][1]
    os.killpg(children["web server of south"], signal.SIGKILL)
    assert soon(lambda: group_is_gone(children["web server of south"]))
    assert answers(
        f"{south['url']}/health",
        seconds=120,
        authority=Path(told["authority"]),
        give_up=lambda: False,
    )
    manifest = south["manifests"][0]
    assert answers(manifest, seconds=60, authority=Path(told["authority"]), give_up=lambda: False)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    # Also the one that took the place of the killed one: nobody listens any more.
    assert soon(lambda: all(group_is_gone(pid) for pid in children.values()))
    assert not answers(
        f"{south['url']}/health",
        seconds=1,
        authority=Path(told["authority"]),
        give_up=lambda: False,
    )


def test_children_do_not_outlive_a_parent_that_is_killed() -> None:
    """As a test run that is broken off: nobody is left to end them."""
    begin = "import time; from vaihto.command.processes import start; "
    sleep = "print(start(['/bin/sleep', '300']).pid, flush=True); time.sleep(300)"
    parent = subprocess.Popen(
        [sys.executable, "-c", begin + sleep],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.3)  # until it has become the command
    assert not group_is_gone(child)
    parent.kill()
    parent.communicate()
    assert soon(lambda: group_is_gone(child))


# --- The demo as a node ------------------------------------------------------------------------


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment of its own without settings."""
    plain = plain_environ()
    monkeypatch.setattr(os, "environ", plain)
    return plain


def test_the_demo_has_its_own_address_unless_one_is_set(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ["VAIHTO_BEHIND_PROXY"] = "yes"  # of an installation beside it
    assert _set_environment(tmp_path, "http://127.0.0.1:8001") == "http://127.0.0.1:8001"
    assert "VAIHTO_BEHIND_PROXY" not in environ


def test_a_public_address_that_is_set_stays_and_means_a_proxy(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ |= {"VAIHTO_PUBLIC_URL": "https://node.example/x/", "VAIHTO_ALLOWED_HOSTS": "other.eu"}
    assert _set_environment(tmp_path, "http://127.0.0.1:8001") == "https://node.example/x"
    assert environ["VAIHTO_BEHIND_PROXY"] == "yes"
    assert environ["VAIHTO_ALLOWED_HOSTS"] == "other.eu,127.0.0.1"


def test_a_demo_that_speaks_tls_itself_has_no_proxy(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ["VAIHTO_PUBLIC_URL"] = "https://node.example:8443"
    _set_environment(tmp_path, "https://127.0.0.1:8443")
    assert "VAIHTO_BEHIND_PROXY" not in environ

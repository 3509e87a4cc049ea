"""A checklist of our own for File 1, from the reference, section 1.4; and how files are shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.cast import NOON, Cast, institution
from tests.ewp.network import HEI, PARTNER, Network, error_of, known
from vaihto.ewp import sharing
from vaihto.ewp.models import FileReader, SharedFile
from vaihto.ewp.protocol.http import Response
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.refusals import Invalid, NotAllowed

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 20
SYSTEM = Actor.system()

Ask = Callable[..., Response]


@pytest.fixture
def file(network: Network) -> SharedFile:
    """A file that the partner was told of."""
    return sharing.share_file(
        actor=SYSTEM,
        institution=network.institution,
        content=PDF,
        media_type="application/pdf",
        name="Sopimus ä.pdf",
        readers=[PARTNER],
        now=NOON,
    )


@pytest.fixture
def ask(network: Network) -> Ask:
    def asked(*pairs: tuple[str, str], **facts: object) -> Response:
        return network.ask("file/v1", pairs, **facts)  # type: ignore[arg-type]

    return asked


def test_1_the_bytes_come_with_their_type(ask: Ask, file: SharedFile) -> None:
    answer = ask(("file_id", file.file_id))
    assert (answer.status, answer.body) == (200, PDF)
    unsigned = ask(("file_id", file.file_id), wants_signature=False)
    assert unsigned.header("content-type") == "application/pdf"
    disposition = unsigned.header("content-disposition") or ""
    assert disposition.startswith("inline; filename*=utf-8''Sopimus%20%C3%A4.pdf")


def test_2_a_file_is_never_changed_and_may_be_kept(
    ask: Ask,
    file: SharedFile,
    network: Network,
) -> None:
    answer = ask(("file_id", file.file_id), wants_signature=False)
    assert answer.header("cache-control") == "private, max-age=31536000, immutable"
    mark = answer.header("etag")
    assert mark == f'"{file.digest}"'
    for known_marks in (mark, f'W/{mark}, "other"', "*"):
        again = ask(("file_id", file.file_id), headers={"If-None-Match": known_marks})
        assert (again.status, again.body) == (304, b"")
    other = ask(("file_id", file.file_id), headers={"If-None-Match": '"other"'})
    assert (other.status, other.body) == (200, PDF)


def test_3_unknown_and_forbidden_look_exactly_alike(
    ask: Ask,
    file: SharedFile,
    network: Network,
) -> None:
    stranger = known("stranger", ["stranger.example"])
    unknown = ask(("file_id", "5f5d1c1e-0000-4000-8000-000000000000"), by=stranger)
    forbidden = ask(("file_id", file.file_id), by=stranger)
    for answer in (unknown, forbidden):
        assert answer.status == 404
        assert error_of(answer) == "There is no file of that id for you."
    assert unknown.body == forbidden.body
    # A key that speaks for several institutions reads what one of them was told of.
    both = known("both", ["stranger.example", PARTNER])
    assert ask(("file_id", file.file_id), by=both).status == 200


def test_4_a_file_of_another_institution_is_not_found_here(
    ask: Ask,
    network: Network,
) -> None:
    other = sharing.share_file(
        actor=SYSTEM,
        institution=institution("neighbour.example"),
        content=PDF,
        media_type="application/pdf",
        name="x.pdf",
        readers=[PARTNER],
        now=NOON,
    )
    assert ask(("file_id", other.file_id)).status == 404


def test_5_the_id_is_required_once(ask: Ask, file: SharedFile) -> None:
    assert ask().status == 400
    assert ask(("file_id", "")).status == 400
    assert ask(("file_id_param", file.file_id)).status == 400
    assert ask(("file_id", file.file_id), ("file_id", file.file_id)).status == 400
    assert ask(("file_id", file.file_id), ("unknown", "x")).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_6_only_get_is_taken(
    file: SharedFile,
    network: Network,
    method: str,
) -> None:
    query = f"file_id={file.file_id}"
    request = network.request("file/v1", method=method, query=query)
    answer = network.send(request)
    assert (answer.status, answer.header("allow")) == (405, "GET")
    assert network.answer(request).status == 405


def test_7_who_does_not_sign_gets_nothing(
    file: SharedFile,
    network: Network,
) -> None:
    request = network.request("file/v1", query=f"file_id={file.file_id}", wants_signature=False)
    bare = replace(
        request, headers=tuple(pair for pair in request.headers if pair[0] != "Authorization")
    )
    assert network.answer(bare).status == 401


def test_8_strange_ids_harm_nothing(ask: Ask, file: SharedFile) -> None:
    for file_id in ("x" * 5000, "../../etc/passwd", "é☃", "' OR 1=1 --", "%00"):
        assert ask(("file_id", file_id)).status == 404


# --- Sharing ---------------------------------------------------------------------------------------


def test_a_file_lies_sealed_and_comes_back_whole(file: SharedFile) -> None:
    stored = SharedFile.objects.get()
    assert b"%PDF" not in bytes(stored.content)
    assert sharing.content(stored) == PDF
    assert (stored.size, len(stored.file_id)) == (len(PDF), 36)
    line = Entry.objects.get(verb="file.shared")
    assert line.changes["readers"] == [[], [PARTNER]]


def test_a_shared_file_is_never_overwritten(file: SharedFile) -> None:
    file.name = "other.pdf"
    with pytest.raises(TypeError):
        file.save()
    assert SharedFile.objects.get().name == "Sopimus ä.pdf"


def test_one_more_reader_is_allowed_once(file: SharedFile, ask: Ask) -> None:
    stranger = known("stranger", ["stranger.example"])
    for _each in range(2):
        sharing.allow_reader(actor=SYSTEM, file=file, hei_id="stranger.example", now=NOON)
    assert ask(("file_id", file.file_id), by=stranger).status == 200
    assert FileReader.objects.count() == 2
    assert Entry.objects.filter(verb="file.reader-allowed").count() == 1


def test_only_those_with_a_role_at_the_institution_share(cast: Cast) -> None:
    def share(actor: Actor, **wrong: object) -> SharedFile:
        facts = {"content": PDF, "media_type": "application/pdf", "name": "a.pdf", **wrong}
        return sharing.share_file(
            actor=actor, institution=cast.sending, readers=[HEI], now=NOON, **facts
        )

    for holder in (cast.dara, cast.chiara, cast.secretary, cast.operator):
        with pytest.raises(NotAllowed):
            share(cast.actor(holder))
    made = share(cast.actor(cast.bruno))
    with pytest.raises(NotAllowed):
        sharing.allow_reader(actor=cast.actor(cast.dara), file=made, hei_id="x", now=NOON)
    with pytest.raises(Invalid):
        share(SYSTEM, content=bytes(sharing.LIMIT_BYTES + 1))
    for media_type in ("", "pdf", "text/html\r\nX: y", "a/" + "b" * 200):
        with pytest.raises(Invalid):
            share(SYSTEM, media_type=media_type)
    assert share(SYSTEM, name="../a\r\nb.pdf").name == "..-a--b.pdf"

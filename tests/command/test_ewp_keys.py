"""`vaihto ewp keys`: what it prints, what it changes, and its exit codes."""

from __future__ import annotations

import json

import pytest

from tests.cast import institution
from vaihto.command import main
from vaihto.ewp import keys
from vaihto.ewp.models import Key
from vaihto.institutions.models import Institution

pytestmark = pytest.mark.django_db


@pytest.fixture
def uni() -> Institution:
    keys.forget()
    return institution("uni.example")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    try:
        code = main(["ewp", "keys", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    return code, out + err


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    code, out = run(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def test_without_keys_it_says_so(uni: Institution, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == (
        0,
        "There is no key yet. Every hosted institution gets one with its first manifest.\n",
    )


def test_naming_an_institution_gives_it_its_keys(
    uni: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    found = listed(capsys, "uni.example")
    assert [(one["institution"], one["purpose"], one["signs"]) for one in found] == [
        ("uni.example", "client", True),
        (None, "server", True),
    ]
    assert "PRIVATE" not in json.dumps(found)
    assert listed(capsys) == found


def test_rolling_over_shows_both_and_who_signs(
    uni: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "uni.example")
    code, out = run(capsys, "uni.example", "--roll", "--after", "6")
    assert (code, out.count("  client  ")) == (0, 2)
    assert [one["signs"] for one in listed(capsys, "uni.example")][:2] == [True, False]
    assert run(capsys, "uni.example", "--roll")[0] == 1
    assert run(capsys, "uni.example", "--roll", "--after", "1")[0] == 1


def test_the_shared_server_key_is_rolled_over_alone(
    uni: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "--server", "--roll")[0] == 1
    assert run(capsys, "--server", "--create")[0] == 0
    assert run(capsys, "--server", "--roll")[0] == 0
    assert [one["purpose"] for one in listed(capsys, "--server")] == ["server", "server"]


def test_a_compromised_key_is_withdrawn_by_the_beginning_of_its_fingerprint(
    uni: Institution, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "uni.example")
    old = Key.objects.get(purpose="client")
    code, out = run(capsys, "--withdraw", old.fingerprint[:10], "--reason", "lost")
    assert (code, old.fingerprint in out) == (0, True)
    assert old.fingerprint not in json.dumps(listed(capsys, "uni.example"))
    assert run(capsys, "--withdraw", old.fingerprint[:10])[0] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nobody.example"], 1),
        (["--create"], 2),
        (["--roll"], 2),
        (["uni.example", "--roll", "--create"], 2),
        (["uni.example", "--after", "5"], 2),
        (["--nonsense"], 2),
    ],
)
def test_exit_codes_tell_refused_from_wrong_use(
    uni: Institution, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    told, out = run(capsys, *words)
    assert told == code
    assert out
    assert Key.objects.count() == 0


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--help")
    assert (code, "vaihto ewp keys uni.example --roll --after 6" in out) == (0, True)

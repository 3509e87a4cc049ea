"""`vaihto judge` to the letter of its contract."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from vaihto.virta import facts, judge

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "facts-examples.json"

RIGHT: dict[str, Any] = {
    "key": "A",
    "institution": "02472",
    "type": "1",
    "start": "2020-08-01",
    "end": None,
    "states": [{"code": "1", "start": "2020-08-01", "end": None}],
    "primary": [{"start": "2020-08-01", "end": None}],
    "spells": [{"start": "2020-08-01", "end": None, "classifications": [], "funding_source": "1"}],
}


def segment(start: str | None, end: str | None, **changes: Any) -> dict[str, Any]:
    given = {"mode": "physical", "place": "host", "country": "056", "start": start, "end": end}
    return given | changes


def mobility(*segments: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "key": "M",
        "direction": "outgoing",
        "purpose": "study",
        "programme": "erasmus",
        "part_of_degree": True,
        "segments": list(segments),
    } | changes


def case(*mobilities: dict[str, Any], ask: dict[str, int] | None = None, **facts: Any) -> Any:
    return {
        "id": "c",
        "kind": "mobility",
        "facts": {
            "institution": "02472",
            "study_rights": [RIGHT],
            "degrees": [],
            "mobilities": list(mobilities),
        }
        | facts,
        "ask": ask or {},
    }


def results(*entries: Any) -> list[Any]:
    return judge.judged([facts.read_case(json.loads(json.dumps(one))) for one in entries])


def run(
    entries: object, *arguments: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any
) -> tuple[int, bytes]:
    document = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(document)))
    code = judge.main(["-", *arguments])
    return code, capfdbinary.readouterr().out


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Any:
    def call(entries: object, *arguments: str) -> tuple[int, bytes]:
        return run(entries, *arguments, monkeypatch=monkeypatch, capfdbinary=capfdbinary)

    return call


AUTUMN = mobility(segment("2024-08-26", "2024-12-20"))


def test_the_examples_of_the_contract_are_all_answered(say: Any) -> None:
    if not CONTRACT.exists():
        pytest.skip("the contract's examples are not beside the project")
    code, out = say(CONTRACT.read_bytes())
    told = json.loads(out)
    assert code == 0
    assert [one["id"] for one in told] == [f"example-{number}" for number in range(1, 8)]
    assert told[0]["oph"]["results"][0]["kind"] == "long_outgoing"
    assert told[1]["virta_periods"][0]["Luokittelu"] == ["b"]
    assert told[2]["reason_code"] == "X_FULLY_VIRTUAL"
    assert told[3]["okm"]["recognised_from_abroad"] == 5
    assert told[4]["days"] == 3
    assert {one["severity"] for one in told[5]["validation"]} == {"error"}
    assert told[6]["virta_periods"][0]["Suunta"] == "2"


def test_a_period_has_the_names_of_the_national_record() -> None:
    (told,) = results(case(AUTUMN, ask={"oph_year": 2024}))
    period = told["virta_periods"][0]
    assert {key: period[key] for key in list(period)[:9]} == {
        "AlkuPvm": "2024-08-26",
        "LoppuPvm": "2024-12-20",
        "Suunta": "1",
        "Maa": "056",
        "Tyyppi": "1",
        "Liikkuvuusohjelma": "101",
        "OpiskeluoikeusTyyppi": "1",
        "Luokittelu": [],
        "days": 117,
    }
    assert "tk" not in told
    assert {"rule": "S07", "period": 0, "holds": True, "compared": {"days": 117, "limit": 87}} in (
        told["findings"]
    )


def test_periods_of_several_mobilities_are_one_list_in_date_order() -> None:
    later = mobility(segment("2024-09-01", "2024-09-20"), key="Z")
    earlier = mobility(segment("2024-01-08", "2024-01-20", country="208"), key="Y")
    (told,) = results(case(later, earlier, ask={"oph_year": 2024}))
    assert [one["Maa"] for one in told["virta_periods"]] == ["208", "056"]
    assert [one["period"] for one in told["oph"]["results"]] == [0, 1]
    assert told["note_codes"] == ["N_MULTIPLE_IN_YEAR"]


def test_year_and_day_of_asking_override_what_the_case_asks(say: Any) -> None:
    entry = case(AUTUMN, ask={"oph_year": 2023})
    assert json.loads(say([entry])[1])[0]["oph"]["results"][0]["reason_code"] == "X_OTHER_YEAR"
    told = json.loads(say([entry], "--year", "2024", "--as-of", "2024-10-01")[1])[0]
    assert told["oph"]["results"][0]["included"] is True
    assert told["note_codes"] == ["N_END_ESTIMATED"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"surprise": 1}, "surprise"),
        ({"kind": "holiday"}, "kind"),
        ({"kind": None}, "kind"),
        ({"facts": []}, "facts"),
        ({"facts": None}, "facts"),
        ({"ask": {"okm_year": 1}}, "ask.okm_year"),
        ({"ask": {"oph_year": "2024"}}, "ask.oph_year"),
        ({"ask": {"oph_year": True}}, "ask.oph_year"),
        ({"description": 5}, "description"),
    ],
)
def test_a_case_that_cannot_be_read_says_where(say: Any, change: Any, path: str) -> None:
    code, out = say([case(AUTUMN) | change, case(AUTUMN)])
    told = json.loads(out)
    assert code == 1
    assert told[0]["id"] == "c"
    assert told[0]["error"]["path"] == path
    assert told[0]["error"]["message"]
    assert "virta_periods" in told[1]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"colour": "red"}, "facts.mobilities[0].colour"),
        ({"direction": "sideways"}, "facts.mobilities[0].direction"),
        ({"direction": None}, "facts.mobilities[0].direction"),
        ({"programme": "Erasmus"}, "facts.mobilities[0].programme"),
        ({"part_of_degree": "yes"}, "facts.mobilities[0].part_of_degree"),
        ({"segments": None}, "facts.mobilities[0].segments"),
        ({"segments": [5]}, "facts.mobilities[0].segments[0]"),
        (
            {"segments": [segment("2024-02-30", "2024-03-01")]},
            "facts.mobilities[0].segments[0].start",
        ),
        (
            {"segments": [segment("20240201", "2024-03-01")]},
            "facts.mobilities[0].segments[0].start",
        ),
        (
            {"segments": [segment("2024-03-02", "2024-03-01")]},
            "facts.mobilities[0].segments[0].end",
        ),
        (
            {"segments": [segment("2024-03-01", "2024-03-02", country="56")]},
            "facts.mobilities[0].segments[0].country",
        ),
        (
            {"segments": [segment("2024-03-01", "2024-03-02", country=56)]},
            "facts.mobilities[0].segments[0].country",
        ),
        (
            {"segments": [segment("2024-03-01", "2024-03-02", mode="hybrid")]},
            "facts.mobilities[0].segments[0].mode",
        ),
    ],
)
def test_a_wrong_value_is_an_error_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(facts.Unreadable) as refused:
        facts.read_case(case(mobility(segment("2024-08-26", "2024-12-20")) | changes))
    assert refused.value.path == path


@pytest.mark.parametrize("entry", [None, 5, "case", []])
def test_an_entry_that_is_no_object_is_answered_in_its_place(say: Any, entry: object) -> None:
    code, out = say([entry, case(AUTUMN)])
    told = json.loads(out)
    assert code == 1
    assert told[0]["id"] is None
    assert told[0]["error"]["path"] == ""
    assert "virta_periods" in told[1]


def test_a_missing_first_day_of_the_right_of_the_degree_says_where() -> None:
    rights = [RIGHT | {"start": None}]
    degrees = [{"right": "A", "date": "2025-05-31", "country": "246"}]
    entry = case(AUTUMN, ask={"tk_year": 2025}, study_rights=rights, degrees=degrees)
    (verdict,) = results(entry)[0]["tk"]["results"]
    assert verdict["included"] is None
    assert verdict["missing"] == ["facts.study_rights[0].start"]


def test_a_field_that_stands_twice_is_refused(say: Any) -> None:
    code, out = say(b'[{"id": 1, "kind": "staff", "facts": {"hours": 1, "hours": 2}}]')
    assert code == 1
    assert json.loads(out) == [
        {"id": 1, "error": {"path": "facts.hours", "message": "stands twice"}}
    ]


@pytest.mark.parametrize("document", [b"", b"{}", b"[", b"[NaN]", b"\xff[]", b"[" * 100_000])
def test_what_is_no_list_of_cases_is_refused_without_a_traceback(say: Any, document: bytes) -> None:
    assert say(document)[0] == 1


def test_a_file_that_is_not_there_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge.main(["no-such-file.json"]) == 2
    assert "no-such-file.json" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "fi", "sv"])
def test_the_explanation_names_verdict_rule_and_values(say: Any, language: str) -> None:
    code, out = say([case(AUTUMN, ask={"oph_year": 2024})], "--explain", "--language", language)
    text = out.decode()
    assert code == 0
    assert "S07" in text
    assert "117" in text
    assert "87" in text
    assert "%(" not in text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Not known: whether the stay is part of the degree studies."),
        ("fi", "Ei tiedossa: onko jakso osa tutkinto-opintoja."),
        ("sv", "Inte känt: om vistelsen är en del av examensstudierna."),
    ],
)
def test_what_is_not_known_is_said_in_words(say: Any, language: str, said: str) -> None:
    entry = case(AUTUMN | {"part_of_degree": None}, ask={"oph_year": 2024})
    out = say([entry], "--explain", "--language", language)[1].decode()
    assert said in out
    assert "part_of_degree" not in out


@pytest.mark.parametrize(
    ("language", "severity", "refusal"),
    [
        ("en", "(for information)", "a list is expected, found 5"),
        ("fi", "(tiedoksi)", "luetteloa odotetaan, löytyi 5"),
        ("sv", "(för kännedom)", "en lista väntas, fann 5"),
    ],
)
def test_severities_and_refusals_are_in_the_language_of_the_reader(
    say: Any, language: str, severity: str, refusal: str
) -> None:
    period = {
        "direction": "outgoing", "start": "2024-03-04", "end": "2024-03-08",
        "country": "724", "type": "1", "programme": "101",
    }  # fmt: skip
    entries = [
        {"id": "short", "kind": "validation", "facts": {"period": period}},
        {"id": "wrong", "kind": "publishing", "facts": {"counts": 5}},
    ]
    out = say(entries, "--explain", "--language", language)[1].decode()
    assert f"Q35 {severity}: " in out
    assert f"facts.counts: {refusal}." in out


def test_a_note_of_two_periods_is_explained_once(say: Any) -> None:
    spring = mobility(segment("2024-01-08", "2024-04-20"), key="S")
    out = say([case(AUTUMN, spring, ask={"oph_year": 2024})], "--explain")[1].decode()
    assert out.count("S11 ") == 1


def test_staff_and_published_figures_go_through_the_same_command() -> None:
    staff = {"direction": "incoming", "hours": 8, "start": "2024-04-09", "content": "teaching"}
    visit, figures = results(
        {"id": 1, "kind": "staff", "facts": staff},
        {"id": 2, "kind": "publishing", "facts": {"counts": [0, 1, 4, 5, 7, 8, 100]}},
    )
    assert (visit["counted"], visit["days"], visit["length"]) == (True, 1, "short")
    assert figures["shown"] == ["0", "1-4", "1-4", "6", "6", "9", "99"]


def test_a_country_the_schema_does_not_accept_is_sent_as_unknown() -> None:
    stay = mobility(
        segment("2024-08-26", "2024-12-20", country="907"),
        direction="incoming",
        home_degree_right_abroad=True,
        main_level_in_finland="2",
    )
    (told,) = results(case(stay, study_rights=[]))
    assert told["virta_periods"][0]["Maa"] == "999"


def test_a_missing_first_day_cannot_be_told_and_says_where() -> None:
    stay = mobility(segment("2024-01-08", "2024-01-20"), segment(None, "2024-12-20", country="250"))
    (told,) = results(case(stay, ask={"oph_year": 2024, "tk_year": 2024}))
    first, second = told["oph"]["results"]
    assert first["included"] is True
    assert second["included"] is None
    assert second["missing"] == ["facts.mobilities[0].segments[1].start"]
    assert told["virta_periods"][1]["AlkuPvm"] is None
    assert told["virta_periods"][1]["days"] is None


def test_keys_of_rights_may_repeat_between_institutions() -> None:
    elsewhere = RIGHT | {"institution": "10122", "type": "4"}
    stay = AUTUMN | {"study_right_key": "A"}
    degree = {"right": "A", "date": "2025-05-31", "country": "246"}
    (told,) = results(case(stay, study_rights=[elsewhere, RIGHT], degrees=[degree],
                           ask={"oph_year": 2024, "tk_year": 2025}))  # fmt: skip
    assert told["tk"]["results"][0]["kind"] == "long"
    assert told["note_codes"] == []


def test_numbers_of_credits_have_no_trailing_zeros(say: Any) -> None:
    one = {"kind": "2", "granted_by": "home", "completed": "2024-05-06"}
    facts_ = {
        "institution": "02472",
        "student": "degree",
        "attainments": [one | {"ects": 2.5}, one | {"ects": 27.5}],
        "ask_year": 2024,
    }
    code, out = say([{"id": 1, "kind": "credits", "facts": facts_, "ask": {}}])
    assert code == 0
    assert b'"own_credits": 30,' in out


STRANGE: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**12, "", "x", "2024-02-30", "9999-12-31", [], {}, [None], [5],
    "\ud800", "incoming", "virtual", "third", "covid",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_stands_in_a_field_there_is_an_answer_and_no_traceback(
    seed: int, say: Any
) -> None:
    chance = random.Random(seed)  # noqa: S311  # seeded, so that a failure can be repeated
    entries = []
    for _ in range(40):
        entry = json.loads(json.dumps(case(AUTUMN, ask={"oph_year": 2024, "tk_year": 2025})))
        *way, last = chance.choice(list(places(entry)))
        holder = entry
        for step in way:
            holder = holder[step]
        holder[last] = chance.choice(STRANGE)
        entries.append(entry)
    _code, out = say(entries)
    told = json.loads(out)
    assert len(told) == len(entries)
    assert all(("error" in one) != ("virta_periods" in one or "okm" in one) for one in told)


def test_a_trip_that_stands_among_the_mobilities_is_recorded_once() -> None:
    stay = mobility(
        segment("2022-08-20", "2022-12-18", country="724"),
        direction="incoming",
        home_degree_right_abroad=True,
        main_level_in_finland="2",
    )
    days = {"start": "2022-10-03", "end": "2022-10-16", "country": "233"}
    nested = mobility(segment("2022-10-03", "2022-10-16", country="233"), nested_in_incoming=True)
    trip = days | {"part_of_incoming_studies": True}
    (both,) = results(case(stay, nested, inner_trip=trip, study_rights=[]))
    (derived,) = results(case(stay, inner_trip=trip, study_rights=[]))
    assert [one["Maa"] for one in both["virta_periods"]] == ["724", "233"]
    assert [one["Maa"] for one in derived["virta_periods"]] == ["724", "233"]


def test_the_degree_country_is_the_place_of_completion() -> None:
    degree = {
        "right": "A", "date": "2025-05-31",
        "granting_country": "246", "completed_in_country": "702",
    }  # fmt: skip
    (told,) = results(case(AUTUMN, degrees=[degree], ask={"tk_year": 2025}))
    assert told["tk"]["results"][0]["degree_country"] == "702"
    assert told["note_codes"] == ["N_DEGREE_COUNTRY_DIFFERS"]

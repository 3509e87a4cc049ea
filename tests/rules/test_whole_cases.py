"""Cases of whole mobilities beside the rules, judged through the facts file as anybody would."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from vaihto.rules.cases import Case, cases_of, differences
from vaihto.virta import facts, judge

WHOLE = [case for case in cases_of("finland") if case.given is not None]
LONG_AGO = "2010-08-01"
OWN = "02472"


def days(text: str) -> dict[str, str | None]:
    start, _dots, end = text.partition("..")
    return {"start": start or None, "end": end or None}


def part(text: str) -> dict[str, Any]:
    stretch, *words, country = text.split()
    return {
        "mode": "virtual" if "virtual" in words else "physical",
        "place": next((one for one in words if one in ("host", "home", "third")), "host"),
        "country": country,
        **days(stretch),
    }


def iso(value: object) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def right(given: dict[str, Any]) -> dict[str, Any]:
    start, end = iso(given.get("start", LONG_AGO)), iso(given.get("end"))
    whole = f"{start}..{end or ''}"
    spells = []
    for text in given.get("spells", [whole]):
        stretch, *words = text.split()
        funding = [word.removeprefix("funding=") for word in words if "=" in word]
        marks = [word for word in words if "=" not in word]
        spells.append(days(stretch) | {
            "classifications": marks, "funding_source": funding[0] if funding else "1"
        })  # fmt: skip
    states = [text.split() for text in given.get("states", [f"1 {whole}"])]
    return {
        "key": given["key"],
        "institution": given.get("institution", OWN),
        "type": given["type"],
        "start": start,
        "end": end,
        "states": [{"code": code, **days(stretch)} for code, stretch in states],
        "primary": [days(text) for text in given.get("primary", [whole])],
        "spells": spells,
    }


def facts_of(given: dict[str, Any]) -> dict[str, Any]:
    """A case of the contract from the short form."""
    mine = dict(given)
    incoming = mine.get("direction") == "incoming"
    usual = {"key": "E", "type": "9"} if incoming else {"key": "A", "type": "1"}
    rights = [right(one) for one in mine.pop("rights", [usual])]
    degrees = [{name: iso(value) for name, value in one.items()} for one in mine.pop("degrees", [])]
    ask = {f"{name}_year": year for name, year in mine.pop("ask", {}).items()}
    trip = mine.pop("trip", None)
    as_of = iso(mine.pop("as_of", None))
    usual_mobility = {
        "key": "M",
        "direction": "outgoing",
        "purpose": "study",
        "programme": "erasmus",
        "part_of_degree": True,
        "segments": [part(text) for text in mine.pop("parts")],
    }
    found: dict[str, Any] = {
        "institution": OWN,
        "study_rights": rights,
        "degrees": degrees,
        "mobilities": [usual_mobility | mine],
    }
    if as_of:
        found["as_of"] = as_of
    if trip:
        found["inner_trip"] = {name: iso(value) for name, value in trip.items()}
    return {"id": 1, "kind": "mobility", "facts": found, "ask": ask}


def verdicts(result: dict[str, Any], scheme: str) -> list[str]:
    short = []
    for one in result[scheme]["results"]:
        told = {True: one.get("kind"), False: one.get("reason_code"), None: "?"}
        short.append(told[one["included"]])
    return short


def short(result: dict[str, Any]) -> dict[str, Any]:
    """A result in the short form of the cases."""
    periods = result["virta_periods"]
    found: dict[str, Any] = {
        "periods": [
            " ".join(
                [f"{one['AlkuPvm']}..{one['LoppuPvm']}", one["Maa"], str(one["days"])]
                + one["Luokittelu"]
            )
            for one in periods
        ],
        "reason": result["reason_code"],
        "notes": sorted(result["note_codes"]),
        "types": [one["Tyyppi"] for one in periods],
        "programmes": [one["Liikkuvuusohjelma"] for one in periods],
        "directions": [one["Suunta"] for one in periods],
        "levels": [one.get("OpiskeluoikeusTyyppi") for one in periods],
        "sent": [one["sent_by_default"] for one in periods],
        "because": {
            one["rule"]: {"holds": one["holds"], **one["compared"]}
            for one in result["findings"]
            if one["period"] == 0
        },
        "because_none": {
            one["rule"]: {"holds": one["holds"]}
            for one in result["findings"]
            if one["period"] is None
        },
        "missing": sorted(
            {
                path
                for scheme in ("oph", "tk")
                for one in result.get(scheme, {}).get("results", [])
                for path in one.get("missing", [])
            }
        ),
    }
    if "oph" in result:
        found["rights"] = [one["study_right"] for one in result["oph"]["results"]]
    for scheme in ("oph", "tk"):
        if scheme in result:
            found[scheme] = verdicts(result, scheme)
    return found


def expected(case: Case) -> dict[str, Any]:
    """What the case expects, with single verdicts as lists and notes sorted."""
    wanted = dict(case.expect)
    for scheme in ("oph", "tk"):
        if isinstance(wanted.get(scheme), str):
            wanted[scheme] = [wanted[scheme]]
    if "notes" in wanted:
        wanted["notes"] = sorted(wanted["notes"])
    return wanted


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: f"{case.rule}: {case.name}")
def test_a_whole_case_beside_the_rules_is_true(case: Case) -> None:
    assert case.given is not None
    entry = facts.read_case(facts_of(case.given))
    (result,) = judge.judged([entry])
    assert differences(expected(case), short(result)) == []
    assert re.fullmatch(r"[VS]\d\d", case.rule or "")


def test_cases_judged_together_are_judged_as_one_by_one() -> None:
    entries = [facts.read_case(facts_of(case.given)) for case in WHOLE if case.given]
    together = judge.judged(entries)
    assert together[::9] == [judge.judged([entry])[0] for entry in entries[::9]]

"""The results of `vaihto judge` as sentences: the verdict, the rule that decided, what it compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any  # results hold plain values

from vaihto import codes
from vaihto.rules.catalogue import rule_of
from vaihto.rules.reasons import reason

Result = dict[str, Any]

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "case": {"en": "Case %(id)s", "fi": "Tapaus %(id)s", "sv": "Fall %(id)s"},
    "error": {
        "en": "Cannot be read: %(path)s %(message)s",
        "fi": "Ei voida lukea: %(path)s %(message)s",
        "sv": "Kan inte läsas: %(path)s %(message)s",
    },
    "nothing": {
        "en": "Nothing may be recorded. %(reason)s",
        "fi": "Mitään ei voi tallentaa. %(reason)s",
        "sv": "Ingenting kan lagras. %(reason)s",
    },
    "period": {
        "en": "Period %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s days, %(country)s",
        "fi": "Jakso %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s päivää, %(country)s",
        "sv": "Period %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s dagar, %(country)s",
    },
    "1": {"en": "outgoing", "fi": "lähtevä", "sv": "utresande"},
    "2": {"en": "incoming", "fi": "saapuva", "sv": "inresande"},
    "unknown": {"en": "?", "fi": "?", "sv": "?"},
    "oph": {"en": "OPH %(year)s", "fi": "OPH %(year)s", "sv": "Utbildningsstyrelsen %(year)s"},
    "tk": {
        "en": "Statistics Finland %(year)s",
        "fi": "Tilastokeskus %(year)s",
        "sv": "Statistikcentralen %(year)s",
    },
    "counted": {
        "en": "%(scheme)s: counted, %(kind)s.",
        "fi": "%(scheme)s: lasketaan, %(kind)s.",
        "sv": "%(scheme)s: räknas, %(kind)s.",
    },
    "not_counted": {
        "en": "%(scheme)s: not counted. %(reason)s",
        "fi": "%(scheme)s: ei lasketa. %(reason)s",
        "sv": "%(scheme)s: räknas inte. %(reason)s",
    },
    "open": {
        "en": "%(scheme)s: cannot be told. Not known: %(missing)s.",
        "fi": "%(scheme)s: ei voida päätellä. Ei tiedossa: %(missing)s.",
        "sv": "%(scheme)s: kan inte avgöras. Inte känt: %(missing)s.",
    },
    "long": {"en": "long", "fi": "pitkä", "sv": "lång"},
    "short": {"en": "short", "fi": "lyhyt", "sv": "kort"},
    "long_outgoing": {"en": "long outgoing", "fi": "pitkä lähtevä", "sv": "lång utresande"},
    "short_outgoing": {"en": "short outgoing", "fi": "lyhyt lähtevä", "sv": "kort utresande"},
    "long_incoming": {"en": "long incoming", "fi": "pitkä saapuva", "sv": "lång inresande"},
    "short_incoming": {"en": "short incoming", "fi": "lyhyt saapuva", "sv": "kort inresande"},
    "decided": {"en": "Decided by", "fi": "Ratkaisi", "sv": "Avgjordes av"},
    "note": {"en": "Note", "fi": "Huomaa", "sv": "Observera"},
    "visit": {
        "en": "Staff visit: %(days)s days, %(length)s, year %(year)s.",
        "fi": "Henkilöstövierailu: %(days)s päivää, %(length)s, vuosi %(year)s.",
        "sv": "Personalbesök: %(days)s dagar, %(length)s, år %(year)s.",
    },
    "True": {"en": "Counted.", "fi": "Lasketaan.", "sv": "Räknas."},
    "False": {"en": "Not counted.", "fi": "Ei lasketa.", "sv": "Räknas inte."},
    "None": {"en": "Cannot be told.", "fi": "Ei voida päätellä.", "sv": "Kan inte avgöras."},
    "mobility_counted": {
        "en": "The stay itself:",
        "fi": "Itse jakso:",
        "sv": "Själva vistelsen:",
    },
    "attainments": {
        "en": "Attainments to be sent: %(number)s",
        "fi": "Lähetettäviä suorituksia: %(number)s",
        "sv": "Prestationer att sända: %(number)s",
    },
    "own_credits": {"en": "own credits", "fi": "omat opintopisteet", "sv": "egna studiepoäng"},
    "recognised_from_abroad": {
        "en": "recognised from abroad",
        "fi": "ulkomailta hyväksiluetut",
        "sv": "tillgodoräknade från utlandet",
    },
    "traineeship_abroad": {
        "en": "traineeship abroad",
        "fi": "harjoittelu ulkomailla",
        "sv": "praktik utomlands",
    },
    "incoming_exchange": {
        "en": "incoming exchange students",
        "fi": "saapuvat vaihto-opiskelijat",
        "sv": "inresande utbytesstudenter",
    },
    "no_findings": {
        "en": "No check finds anything.",
        "fi": "Yksikään tarkistus ei löydä huomautettavaa.",
        "sv": "Ingen kontroll finner något.",
    },
    "shown": {"en": "Shown: %(texts)s", "fi": "Näytetään: %(texts)s", "sv": "Visas: %(texts)s"},
}


# The rule that speaks when a reason or note is given, and what it then says.
RULE_BEHIND: Mapping[str, tuple[str, bool]] = {
    "X_INCOMING_NO_HOME_DEGREE": ("V27", False),
    "X_FULLY_VIRTUAL": ("V48", False),
    "X_NOT_PART_OF_STUDIES": ("V25", False),
    "N_BLENDED": ("V34", True),
    "N_BLENDED_BEFORE_2022": ("V33", False),
    "N_BLENDED_NOT_PLANNED": ("V34", False),
    "N_VIRTUAL_OUTSIDE_NOT_COUNTED": ("V29", True),
    "N_VIRTUAL_BETWEEN_COUNTED": ("V30", True),
    "N_HYBRID_IN_DESTINATION": ("V31", True),
    "N_COVID_REMOTE_COUNTED": ("V49", True),
    "N_COMBINED_AS_EXCHANGE": ("V35", True),
    "N_OVER_12_MONTHS": ("S06", True),
    "N_END_ESTIMATED": ("V37", True),
    "N_MULTIPLE_IN_YEAR": ("S11", True),
    "N_COMMISSIONED": ("V17", True),
    "N_DOCTORAL_OVERLAP": ("V13", True),
    "N_NESTED_OUTGOING": ("V21", True),
    "N_DEGREE_COUNTRY_DIFFERS": ("S27", False),
    "N_PRIMARY_RIGHT_FALLBACK": ("S25", False),
    "N_FREE_MOVER": ("S42", True),
}


def explained(results: Sequence[Result], *, language: str = "en") -> list[str]:
    """One text per result."""
    return ["\n".join(_lines(result, language)) for result in results]


def _say(name: str, language: str, **facts: object) -> str:
    return SENTENCES[name][language] % facts


def _lines(result: Result, language: str) -> Iterator[str]:
    yield _say("case", language, id=result["id"])
    if "error" in result:
        yield "  " + _say("error", language, **result["error"])
    elif "virta_periods" in result:
        yield from _mobility(result, language)
    elif "okm" in result:
        yield from _credits(result, language)
    elif "counted" in result:
        yield from _visit(result, language)
    elif "shown" in result:
        yield "  " + _say("shown", language, texts=", ".join(result["shown"]))
    else:
        for one in result["validation"]:
            yield f"  {one['check']} ({one['severity']}): {one['message']}"
        if not result["validation"]:
            yield "  " + _say("no_findings", language)


def _mobility(result: Result, language: str) -> Iterator[str]:
    if not result["virta_periods"]:
        why = reason(result["reason_code"], language) if result["reason_code"] else ""
        yield "  " + _say("nothing", language, reason=why)
        yield from _behind(result, None, result["reason_code"], language)
    for number, period in enumerate(result["virta_periods"]):
        yield "  " + _say(
            "period",
            language,
            number=number + 1,
            direction=_say(period["Suunta"], language),
            start=period["AlkuPvm"] or "?",
            end=period["LoppuPvm"] or "?",
            days="?" if period["days"] is None else period["days"],
            country=codes.country_name(period["Maa"], language),
        )
        for scheme in ("oph", "tk"):
            for verdict in result.get(scheme, {}).get("results", []):
                if verdict["period"] == number:
                    year = result[scheme]["statistical_year"]
                    yield from _verdict(result, verdict, scheme, year, language)
    for code in result["note_codes"]:
        yield f"  {_say('note', language)}: {reason(code, language)} ({code})"
        for number in range(len(result["virta_periods"])):
            yield from _behind(result, number, code, language)


def _verdict(
    result: Result, verdict: Result, scheme: str, year: int, language: str
) -> Iterator[str]:
    name = _say(scheme, language, year=year)
    if verdict["included"] is None:
        missing = ", ".join(verdict["missing"])
        yield "    " + _say("open", language, scheme=name, missing=missing)
    elif verdict["included"]:
        kind = _say(verdict["kind"], language)
        yield "    " + _say("counted", language, scheme=name, kind=kind)
    else:
        why = f"{reason(verdict['reason_code'], language)} ({verdict['reason_code']})"
        yield "    " + _say("not_counted", language, scheme=name, reason=why)
    decided = [
        one
        for one in result["findings"]
        if one["period"] == verdict["period"] and one["rule"] == verdict["rule"]
    ]
    for one in decided:
        yield f"      {_say('decided', language)} {_sentence(one, language)}"


def _behind(result: Result, number: int | None, code: str | None, language: str) -> Iterator[str]:
    """The finding behind a reason or note, with what it compared."""
    rule, holds = RULE_BEHIND.get(code or "", (None, None))
    for one in result["findings"]:
        if (one["rule"], one["period"], one["holds"]) == (rule, number, holds):
            yield f"      {_sentence(one, language)}"


def _sentence(finding: Result, language: str) -> str:
    rule = rule_of(finding["rule"])
    said = rule.sentence(finding["holds"], finding["compared"], language)
    return f"{rule.code} {rule.title(language)}: {said}"


def _visit(result: Result, language: str) -> Iterator[str]:
    yield "  " + _say(str(result["counted"]), language) + " " + result["reason"]
    if result["days"] is not None:
        length = _say(result["length"] or "unknown", language)
        yield "  " + _say(
            "visit", language, days=result["days"], length=length, year=result["year"] or "?"
        )


def _credits(result: Result, language: str) -> Iterator[str]:
    yield "  " + _say("attainments", language, number=result["virta_attainments"])
    for name, credits_ in result["okm"].items():
        yield f"  {_say(name, language)}: {'?' if credits_ is None else credits_}"
    if result["mobility_counted"] is not None:
        why = result["mobility_reason"]
        said = _say(str(result["mobility_counted"]), language)
        end = f" {reason(why, language)} ({why})" if why else ""
        yield f"  {_say('mobility_counted', language)} {said}{end}"
    for one in result["validation"]:
        yield f"  {one['check']} ({one['severity']}): {one['message']}"

"""The results of `vaihto judge` as sentences: the verdict, the rule that decided, what it compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any  # results hold plain values

from vaihto import codes
from vaihto.rules.catalogue import rule_of
from vaihto.rules.credits import COLUMNS
from vaihto.rules.reasons import reason

Result = dict[str, Any]

_DAY = re.compile(r"\d{4}-\d\d-\d\d")

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "case": {"en": "Case %(id)s", "fi": "Tapaus %(id)s", "sv": "Fall %(id)s"},
    "error": {
        "en": "Cannot be read. %(path)s: %(message)s.",
        "fi": "Ei voida lukea. %(path)s: %(message)s.",
        "sv": "Kan inte läsas. %(path)s: %(message)s.",
    },
    "whole_case": {"en": "The case", "fi": "Tapaus", "sv": "Fallet"},
    "nothing": {
        "en": "Nothing may be recorded. %(reason)s",
        "fi": "Mitään ei voi tallentaa. %(reason)s",
        "sv": "Ingenting kan lagras. %(reason)s",
    },
    "period": {
        "en": "Period %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s, %(country)s",
        "fi": "Jakso %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s, %(country)s",
        "sv": "Period %(number)s, %(direction)s: %(start)s – %(end)s, %(days)s, %(country)s",
    },
    "1": {"en": "outgoing", "fi": "lähtevä", "sv": "utresande"},
    "2": {"en": "incoming", "fi": "saapuva", "sv": "inresande"},
    "unknown": {"en": "not known", "fi": "ei tiedossa", "sv": "inte känt"},
    "no_country": {"en": "country not known", "fi": "maa ei tiedossa", "sv": "landet inte känt"},
    "no_days": {"en": "length not known", "fi": "pituus ei tiedossa", "sv": "längden inte känd"},
    "one_day": {"en": "1 day", "fi": "1 päivä", "sv": "1 dag"},
    "days": {"en": "%(number)s days", "fi": "%(number)s päivää", "sv": "%(number)s dagar"},
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
    "not_known": {
        "en": "Not known: %(missing)s.",
        "fi": "Ei tiedossa: %(missing)s.",
        "sv": "Inte känt: %(missing)s.",
    },
    # What may be missing, by the last words of its path.
    "part_of_degree": {
        "en": "whether the stay is part of the degree studies",
        "fi": "onko jakso osa tutkinto-opintoja",
        "sv": "om vistelsen är en del av examensstudierna",
    },
    "home_degree_right_abroad": {
        "en": "whether the student is completing a degree at a home institution abroad",
        "fi": "suorittaako opiskelija tutkintoa ulkomaisessa kotikorkeakoulussa",
        "sv": "om den studerande avlägger en examen vid en hemhögskola utomlands",
    },
    "agreed_as_one_whole": {
        "en": "whether the parts were agreed as one whole",
        "fi": "onko osat sovittu yhdeksi kokonaisuudeksi",
        "sv": "om delarna har avtalats som en helhet",
    },
    "direction": {"en": "the direction", "fi": "suunta", "sv": "riktningen"},
    "hours": {"en": "the hours", "fi": "tunnit", "sv": "timmarna"},
    "content": {"en": "the content", "fi": "sisältö", "sv": "innehållet"},
    "segments.start": {
        "en": "the first day of part %(number)s",
        "fi": "osan %(number)s ensimmäinen päivä",
        "sv": "första dagen av del %(number)s",
    },
    "segments.end": {
        "en": "the last day of part %(number)s",
        "fi": "osan %(number)s viimeinen päivä",
        "sv": "sista dagen av del %(number)s",
    },
    "study_rights.states": {
        "en": "the states of study right %(number)s",
        "fi": "opiskeluoikeuden %(number)s tilat",
        "sv": "tillstånden för studierätt %(number)s",
    },
    "study_rights.start": {
        "en": "the first day of study right %(number)s",
        "fi": "opiskeluoikeuden %(number)s ensimmäinen päivä",
        "sv": "första dagen av studierätt %(number)s",
    },
    "degrees.right": {
        "en": "the study right of degree %(number)s",
        "fi": "tutkinnon %(number)s opiskeluoikeus",
        "sv": "studierätten för examen %(number)s",
    },
    "long": {"en": "long", "fi": "pitkä", "sv": "lång"},
    "short": {"en": "short", "fi": "lyhyt", "sv": "kort"},
    "long_outgoing": {"en": "long outgoing", "fi": "pitkä lähtevä", "sv": "lång utresande"},
    "short_outgoing": {"en": "short outgoing", "fi": "lyhyt lähtevä", "sv": "kort utresande"},
    "long_incoming": {"en": "long incoming", "fi": "pitkä saapuva", "sv": "lång inresande"},
    "short_incoming": {"en": "short incoming", "fi": "lyhyt saapuva", "sv": "kort inresande"},
    "not_this_degree": {
        "en": "A degree is dated %(degree_date)s, but the period does not belong to it.",
        "fi": "Tutkinto on päivätty %(degree_date)s, mutta jakso ei kuulu siihen.",
        "sv": "En examen är daterad %(degree_date)s, men perioden hör inte till den.",
    },
    "decided": {"en": "Decided by", "fi": "Ratkaisi", "sv": "Avgjordes av"},
    "note": {"en": "Note", "fi": "Huomaa", "sv": "Observera"},
    "visit": {
        "en": "Staff visit: %(days)s, %(length)s, year %(year)s.",
        "fi": "Henkilöstövierailu: %(days)s, %(length)s, vuosi %(year)s.",
        "sv": "Personalbesök: %(days)s, %(length)s, år %(year)s.",
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
    "completed": {
        "en": "%(number)s: completed on %(day)s",
        "fi": "%(number)s: suoritettu %(day)s",
        "sv": "%(number)s: avlagd %(day)s",
    },
    "recognised": {
        "en": "recognised on %(day)s",
        "fi": "hyväksiluettu %(day)s",
        "sv": "tillgodoräknad %(day)s",
    },
    "source": {"en": "source %(code)s", "fi": "lähde %(code)s", "sv": "källa %(code)s"},
    "classification": {
        "en": "classification %(codes)s",
        "fi": "luokittelu %(codes)s",
        "sv": "klassificering %(codes)s",
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
    "error_severity": {"en": "error", "fi": "virhe", "sv": "fel"},
    "warning_severity": {"en": "warning", "fi": "varoitus", "sv": "varning"},
    "info_severity": {"en": "for information", "fi": "tiedoksi", "sv": "för kännedom"},
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
        error = result["error"]
        path = error["path"] or _say("whole_case", language)
        yield "  " + _say("error", language, path=path, message=error["message"])
    elif "virta_periods" in result:
        yield from _mobility(result, language)
    elif "okm" in result:
        yield from _credits(result, language)
    elif "counted" in result:
        yield from _visit(result, language)
    elif "shown" in result:
        yield "  " + _say("shown", language, texts=", ".join(result["shown"]))
    else:
        yield from _checks(result, language)
        if not result["validation"]:
            yield "  " + _say("no_findings", language)


def _checks(result: Result, language: str) -> Iterator[str]:
    for one in result["validation"]:
        severity = _say(f"{one['severity']}_severity", language)
        yield f"  {one['check']} ({severity}): {one['message']}"


def _mobility(result: Result, language: str) -> Iterator[str]:
    if not result["virta_periods"]:
        why = reason(result["reason_code"], language) if result["reason_code"] else ""
        yield "  " + _say("nothing", language, reason=why).strip()
        yield from _behind(result, [None], result["reason_code"], language)
    for number, period in enumerate(result["virta_periods"]):
        country = period["Maa"]
        yield "  " + _say(
            "period",
            language,
            number=number + 1,
            direction=_say(period["Suunta"], language),
            start=_day(period["AlkuPvm"], language),
            end=_day(period["LoppuPvm"], language),
            days=_days(period["days"], language),
            country=codes.country_name(country, language)
            if country
            else _say("no_country", language),
        )
        for scheme in ("oph", "tk"):
            for verdict in result.get(scheme, {}).get("results", []):
                if verdict["period"] == number:
                    year = result[scheme]["statistical_year"]
                    yield from _verdict(result, verdict, scheme, year, language)
    for code in result["note_codes"]:
        yield f"  {_say('note', language)}: {reason(code, language)} ({code})"
        yield from _behind(result, range(len(result["virta_periods"])), code, language)


def _verdict(
    result: Result, verdict: Result, scheme: str, year: int, language: str
) -> Iterator[str]:
    name = _say(scheme, language, year=year)
    if verdict["included"] is None:
        missing = ", ".join(_missing(path, language) for path in verdict["missing"])
        yield "    " + _say("open", language, scheme=name, missing=missing)
    elif verdict["included"]:
        kind = _say(verdict["kind"], language)
        yield "    " + _say("counted", language, scheme=name, kind=kind)
    else:
        why = f"{reason(verdict['reason_code'], language)} ({verdict['reason_code']})"
        yield "    " + _say("not_counted", language, scheme=name, reason=why)
    for one in result["findings"]:
        if (one["period"], one["rule"]) != (verdict["period"], verdict["rule"]):
            continue
        said = None
        if verdict.get("reason_code") in ("X_LINKED_TO_OTHER_DEGREE", "X_OTHER_INSTITUTION"):
            # A degree of the year there is; it is another one.
            day = _day(one["compared"].get("degree_date"), language)
            said = _say("not_this_degree", language, degree_date=day)
        yield f"      {_say('decided', language)} {_sentence(one, language, said)}"


def _missing(path: str, language: str) -> str:
    """What is not known, in words; several parts, rights and degrees are told apart by their number."""
    names = [one.partition("[")[0] for one in path.split(".")]
    numbers = [int(one.partition("[")[2].rstrip("]")) for one in path.split(".") if "[" in one]
    for name in (".".join(names[-2:]), names[-1]):
        if name in SENTENCES:
            return _say(name, language, number=numbers[-1] + 1 if numbers else 1)
    return path


def _behind(
    result: Result, numbers: Iterable[int | None], code: str | None, language: str
) -> Iterator[str]:
    """The findings behind a reason or note, with what they compared; the same is said once."""
    rule, holds = RULE_BEHIND.get(code or "", (None, None))
    lines = [
        f"      {_sentence(one, language)}"
        for number in numbers
        for one in result["findings"]
        if (one["rule"], one["period"], one["holds"]) == (rule, number, holds)
    ]
    yield from dict.fromkeys(lines)


def _sentence(finding: Result, language: str, said: str | None = None) -> str:
    rule = rule_of(finding["rule"])
    compared = {name: _as_day(value) for name, value in finding["compared"].items()}
    said = said or rule.sentence(finding["holds"], compared, language)
    return f"{rule.code} {rule.title(language)}: {said}"


def _as_day(value: Any) -> Any:
    """A day that stands as text, as a day; else the value itself."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value


def _day(text: str | None, language: str) -> str:
    if text is None:
        return _say("unknown", language)
    day = date.fromisoformat(text)
    return f"{day.day}.{day.month}.{day.year}" if language == "fi" else text


def _days(number: int | None, language: str) -> str:
    if number is None:
        return _say("no_days", language)
    return _say("one_day" if number == 1 else "days", language, number=number)


def _number(value: float | None, language: str) -> str:
    if value is None:
        return _say("unknown", language)
    return str(value) if language == "en" else str(value).replace(".", ",")


def _visit(result: Result, language: str) -> Iterator[str]:
    said = _say(str(result["counted"]), language)
    if result["counted"] is None:
        missing = ", ".join(_missing(name, language) for name in result["missing"])
        said += " " + _say("not_known", language, missing=missing)
    yield "  " + said
    if result["counted"] is not None and result["year"] is not None:
        rule = rule_of(result["rule"])
        line = f"{rule.code} {rule.title(language)}: {result['reason']}"
        yield f"      {_say('decided', language)} {line}"
    for one in result["findings"]:
        if result["counted"] and one["rule"] in ("S45", "S46", "S47"):
            yield f"      {_sentence(one, language)}"
    if result["counted"] and result["days"] is not None:
        length = _say(result["length"] or "unknown", language)
        year = result["year"] or _say("unknown", language)
        days = _days(result["days"], language)
        yield "  " + _say("visit", language, days=days, length=length, year=year)


def _attainment(number: int, sent: Result, language: str) -> Iterator[str]:
    yield _say("completed", language, number=number, day=_day(sent["SuoritusPvm"], language))
    if sent["HyvaksilukuPvm"]:
        yield _say("recognised", language, day=_day(sent["HyvaksilukuPvm"], language))
    if sent["source_organisation"]:
        yield _say("source", language, code=sent["source_organisation"]["Koodi"])
    if sent["Luokittelu"]:
        yield _say("classification", language, codes=", ".join(sent["Luokittelu"]))


def _credits(result: Result, language: str) -> Iterator[str]:
    yield "  " + _say("attainments", language, number=result["virta_attainments"])
    for number, sent in enumerate(result["virta"], start=1):
        yield "    " + ", ".join(_attainment(number, sent, language))
    for name, credits_ in result["okm"].items():
        rule = COLUMNS[name]
        yield f"  {_say(name, language)}: {_number(credits_, language)} ({rule})"
    if result["mobility_counted"] is not None:
        why = result["mobility_reason"]
        said = _say(str(result["mobility_counted"]), language)
        end = f" {reason(why, language)} ({why})" if why else ""
        yield f"  {_say('mobility_counted', language)} {said}{end}"
    yield from _checks(result, language)

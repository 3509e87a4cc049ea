"""Cases of the kind `mobility` as tables, and the judgement of the tables as results of the contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any  # rows and results hold plain values

import polars as pl

from vaihto import codes
from vaihto.rules import frames, judging
from vaihto.rules.findings import found
from vaihto.rules.frames import Frames
from vaihto.virta.facts import Case, Facts, day, plain

Result = dict[str, Any]
Row = dict[str, Any]

_TRIP = "trip"  # stands for the mobility that an inner trip becomes


def results(cases: Sequence[Case]) -> Iterator[Result]:
    """The result of each case, in order, without its id."""
    if not cases:
        return
    rows = _Rows()
    for place, case in enumerate(cases):
        rows.add(str(place), case)
    judgement = judging.judge(rows.tables(), oph_year="column", tk_year="column")
    periods = _by_case(judgement.periods)
    verdicts = _by_case(judgement.verdicts)
    rules = judging.PERIOD_RULES
    lines = _by_case(judgement.findings(rules))
    for place, case in enumerate(cases):
        yield _Told(case, periods[place], verdicts[place], lines[place]).result()


def _by_case(table: pl.DataFrame) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in table.iter_rows(named=True):
        grouped[int(row["mobility"].partition("/")[0])].append(row)
    return grouped


# --- Tables from facts -------------------------------------------------------------------------


class _Rows:
    """The rows of all tables; a case is a person, `case/place` the key of a mobility or a right."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {name: [] for name in frames.TABLES}

    def tables(self) -> Frames:
        """The rows as tables."""
        asked = {"oph_year": pl.Int32(), "tk_year": pl.Int32()}
        return Frames(
            **{
                name: pl.DataFrame(
                    self.rows[name],
                    schema={**schema, **(asked if name == "mobilities" else {})},
                    orient="row",
                )
                for name, schema in frames.TABLES.items()
            }
        )

    def add(self, person: str, case: Case) -> None:
        """The rows of one case."""
        facts = case.facts
        for place, right in enumerate(facts["study_rights"] or []):
            self._add_right(person, f"{person}/{place}", right)
        for degree in facts["degrees"] or []:
            self.rows["degrees"].append(
                {
                    "person": person,
                    "right": _right_key(facts, person, degree["right"]),
                    "date": day(degree["date"]),
                    "granting_country": degree["granting_country"] or degree["country"],
                    "completed_in_country": degree["completed_in_country"] or degree["country"],
                }
            )
        for place, mobility in enumerate(facts["mobilities"]):
            self._add_mobility(person, f"{person}/{place}", mobility, case)
        trip = inner_trip(facts)
        if trip is not None:
            self._add_mobility(person, f"{person}/{_TRIP}", trip, case)

    def _add_right(self, person: str, key: str, right: Facts) -> None:
        both = {"person": person, "right": key}
        self.rows["study_rights"].append(
            both
            | {name: right[name] for name in ("institution", "type")}
            | {"start": day(right["start"]), "end": day(right["end"])}
        )
        for table, given in (("states", "states"), ("primary", "primary"), ("spells", "spells")):
            for spell in right[given] or []:
                days = {"start": day(spell["start"]), "end": day(spell["end"])}
                self.rows[table].append({**spell, **both, **days})

    def _add_mobility(self, person: str, key: str, mobility: Facts, case: Case) -> None:
        facts = case.facts
        row = {name: mobility.get(name) for name in frames.MOBILITIES}
        row |= {
            "mobility": key,
            "person": person,
            "institution": facts["institution"],
            "as_of": day(facts["as_of"]),
            "study_right_key": _right_key(facts, person, mobility["study_right_key"]),
            "oph_year": case.ask.get("oph_year"),
            "tk_year": case.ask.get("tk_year"),
        }
        self.rows["mobilities"].append(row)
        for segment in mobility["segments"]:
            days = {"start": day(segment["start"]), "end": day(segment["end"])}
            self.rows["segments"].append({"mobility": key, "cancelled": False, **segment, **days})


def _right_key(facts: Facts, person: str, key: str | None) -> str | None:
    """Keys are unique inside an institution only: a right of the case's own institution goes first."""
    if key is None:
        return None
    places = [
        (right["institution"] != facts["institution"], place)
        for place, right in enumerate(facts["study_rights"] or [])
        if right["key"] == key
    ]
    return f"{person}/{min(places)[1]}" if places else f"{person}/unknown {key}"


def inner_trip(facts: Facts) -> Facts | None:
    """The trip inside an incoming stay as a nested outgoing mobility, when it is one (V21).

    It is when its studies belong to those of the incoming stay, that stay may be recorded, and the
    trip lies inside it; and when it does not stand among the mobilities itself.
    """
    trip, around = facts["inner_trip"], _incoming(facts)
    if trip is None or around is None or not trip["part_of_incoming_studies"]:
        return None
    if any(one["nested_in_incoming"] for one in facts["mobilities"]):
        return None
    trainee = around["purpose"] == "traineeship"
    nothing = around["home_degree_right_abroad"] is False or (
        trainee and around["part_of_degree"] is False
    )
    if nothing or not _lies_inside(trip, around["segments"]):
        return None
    inherited = ("purpose", "programme", "funding", "part_of_degree")
    return {
        **dict.fromkeys(around),
        **{name: around[name] for name in inherited},
        "direction": "outgoing",
        "planned_blended": False,
        "agreed_as_one_whole": False,
        "nested_in_incoming": True,
        "segments": [
            {
                "mode": "physical",
                "place": "host",
                "country": trip["country"],
                "start": trip["start"],
                "end": trip["end"],
            }
        ],
    }


def _incoming(facts: Facts) -> Facts | None:
    return next((one for one in facts["mobilities"] if one["direction"] == "incoming"), None)


def _lies_inside(trip: Facts, segments: Iterable[Facts]) -> bool:
    here = [one for one in segments if one["place"] == "host"]
    starts = [one["start"] for one in here if one["start"]]
    ends = [one["end"] for one in here if one["end"]]
    if not here:
        return False
    after = not starts or trip["start"] >= min(starts)
    return after and (len(ends) < len(here) or not ends or trip["end"] <= max(ends))


# --- Results from tables -----------------------------------------------------------------------


class _Told:
    """One case and what was found about it."""

    def __init__(
        self, case: Case, periods: list[Row], verdicts: list[Row], findings: list[Row]
    ) -> None:
        self.case = case
        self.periods = sorted(periods, key=_in_date_order)
        self.index = {_key(row): place for place, row in enumerate(self.periods)}
        self.verdicts = verdicts
        self.lines = sorted(findings, key=lambda row: self.index.get(_key(row), -1))

    def result(self) -> Result:
        """The result as the contract names it."""
        result: Result = {"virta_periods": [_as_virta(row, self.case) for row in self.periods]}
        for scheme in ("oph", "tk"):
            year = self.case.ask.get(f"{scheme}_year")
            if year is not None:
                result[scheme] = {"statistical_year": year, "results": self._results(scheme)}
        result["reason_code"] = None if self.periods else self._reason()
        notes = {code for row in self.periods for code in row["notes"]}
        result["note_codes"] = [code for code in judging.NOTES if code in notes]
        result["findings"] = [
            {
                "rule": line["rule"],
                "period": self.index.get(_key(row)),
                "holds": line["holds"],
                "compared": self._compared(line["compared"]),
            }
            for row in self.lines
            for line in found(row, judging.PERIOD_RULES)
        ]
        return result

    def _results(self, scheme: str) -> list[Result]:
        rows = [row for row in self.verdicts if row["scheme"] == scheme and _key(row) in self.index]
        rows.sort(key=lambda row: self.index[_key(row)])
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Result:
        told: Result = {"period": self.index[_key(row)], "included": row["included"]}
        if row["included"] is None:
            told["missing"] = self._missing(row)
        elif row["included"]:
            told |= {"kind": row["kind"], "counted_year": row["counted_year"]}
        else:
            told["reason_code"] = row["reason"]
        told["rule"] = row["rule"]
        if row["scheme"] == "tk" and row["included"]:
            told["degree_country"] = self._degree_country(row)
        if row["scheme"] == "oph":
            told["study_right"] = self._right(self.periods[told["period"]]["right"])
        return told

    def _degree_country(self, row: Row) -> str | None:
        """Where the degree was completed, whoever granted it (S27)."""
        line = next(line for line in self.lines if _key(line) == _key(row))
        country: str | None = (line["S27"] or {}).get("completed_in")
        return country

    def _compared(self, values: Mapping[str, Any]) -> Result:
        told = dict(values)
        if "right" in told:
            told["right"] = self._right(told["right"])
        found: Result = plain(told)
        return found

    def _right(self, key: str | None) -> str | None:
        rights = self.case.facts["study_rights"] or []
        place = (key or "").partition("/")[2]
        return rights[int(place)]["key"] if place.isdigit() else None

    def _reason(self) -> str | None:
        """Why nothing may be recorded; of several mobilities the reason that stands first."""
        order = ("X_INCOMING_NO_HOME_DEGREE", "X_FULLY_VIRTUAL", "X_NOT_PART_OF_STUDIES")
        given = {row["reason"] for row in self.verdicts if row["scheme"] == "oph"}
        return next((code for code in order if code in given), None)

    def _missing(self, row: Row) -> list[str]:
        place = self._place(row["mobility"])
        paths = {path for name in row["missing"] for path in self._paths(place, name)}
        return sorted(paths or {f"facts.{name}" for name in row["missing"]})

    def _place(self, mobility: str) -> int:
        """Where the mobility stands; a trip has its facts from the incoming stay around it."""
        place = mobility.partition("/")[2]
        if place != _TRIP:
            return int(place)
        mobilities = self.case.facts["mobilities"]
        return next(n for n, one in enumerate(mobilities) if one["direction"] == "incoming")

    def _paths(self, place: int, name: str) -> Iterator[str]:
        """Where in the facts the missing input stands."""
        facts = self.case.facts
        at = f"facts.mobilities[{place}]"
        table, _dot, field = name.partition(".")
        if not field:
            yield f"{at}.{name}"
        elif table == "segments":
            for number, segment in enumerate(facts["mobilities"][place]["segments"]):
                if segment[field] is None:
                    yield f"{at}.segments[{number}].{field}"
        elif table == "degrees":
            for number, degree in enumerate(facts["degrees"] or []):
                if self._right(_right_key(facts, "", degree["right"])) is None:
                    yield f"facts.degrees[{number}].right"
        else:
            for number, right in enumerate(facts["study_rights"] or []):
                if field == "states" and not right["states"]:
                    yield f"facts.study_rights[{number}].states"
                elif right["start"] is None:
                    yield f"facts.study_rights[{number}].start"


def _key(row: Row) -> tuple[str, int | None]:
    return row["mobility"], row["number"]


def _in_date_order(row: Row) -> tuple[bool, Any, bool, Any]:
    start, end = row["start"], row["end"]
    return start is None, start or 0, end is None, end or 0


def _sent_country(code: str | None) -> str | None:
    """The code that is sent: unknown where the schema does not accept the true one (A22)."""
    known = codes.COUNTRY.get(code)
    accepted = known is None or known.facts["accepted_by_schema"] == "yes"
    return code if accepted else codes.UNKNOWN_COUNTRY


def _as_virta(row: Row, case: Case) -> Result:
    place = row["mobility"].partition("/")[2]
    period: Result = {
        "AlkuPvm": row["start"].isoformat() if row["start"] else None,
        "LoppuPvm": row["end"].isoformat() if row["end"] else None,
        "Suunta": "1" if row["direction"] == "outgoing" else "2",
        "Maa": _sent_country(row["country"]),
        "Tyyppi": row["type_code"],
        "Liikkuvuusohjelma": row["programme_code"],
    }
    if row["level"] is not None:
        period["OpiskeluoikeusTyyppi"] = row["level"]
    period["Luokittelu"] = row["classifications"]
    period["days"] = row["days"]
    period["mobility"] = None if place == _TRIP else case.facts["mobilities"][int(place)]["key"]
    period["sent_by_default"] = row["sent_by_default"]
    return period

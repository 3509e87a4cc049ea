"""Agreements as a spreadsheet, out and in: one row for each condition, every field in words and codes.

What nobody touched comes back as it was written before, spelling and order included, because approvals are bound to
them. An agreement comes in whole or not at all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import xlsxwriter
from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext

from vaihto.agreements import actions, words
from vaihto.agreements.checks import check
from vaihto.agreements.models import Agreement, Programme
from vaihto.agreements.models import Channel as Way
from vaihto.agreements.terms import (
    ORDER,
    Condition,
    Kind,
    LanguageSkill,
    SubjectArea,
    Terms,
    read_yes,
)
from vaihto.channels import reaching, theirs
from vaihto.channels.models import AgreementFile, Channel, Landing
from vaihto.codes import ISCED_F
from vaihto.institutions.models import Institution
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.people.secrecy import seal
from vaihto.refusals import Refusal
from vaihto.wording import mark as _

VERSION_LENGTH = 16
MOST_ROWS = 20_000

# Name of the column in files and its words; the order is that of the sheet.
COLUMNS: dict[str, str] = {
    "agreement": _("Our code"),
    "partner": _("Partner"),
    "programme": _("Programme"),
    "condition": _("Condition"),
    "kind": _("Kind of mobility"),
    "sending": _("Sending institution"),
    "sending_unit": _("Sending unit"),
    "receiving": _("Receiving institution"),
    "receiving_unit": _("Receiving unit"),
    "first_year": _("First academic year"),
    "last_year": _("Last academic year"),
    "people": _("People per year"),
    "months": _("Months per year, all students together"),
    "days": _("Days per year, all staff together"),
    "areas": _("Fields of study"),
    "levels": _("Levels"),
    "skills": _("Languages"),
    "blended": _("Blended mobility possible"),
    "other_terms": _("Other terms"),
    "ended": _("Ended as a whole"),
    "version": _("Version"),
}
_REQUIRED = (
    "agreement",
    "partner",
    "kind",
    "sending",
    "receiving",
    "first_year",
    "last_year",
    "people",
)
_OF_THE_WHOLE = frozenset({"agreement", "partner", "programme", "ended", "version"})
_TEXTS = (
    "sending_unit",
    "receiving_unit",
    "first_year",
    "last_year",
    "people",
    "months",
    "days",
    "other_terms",
)
_YES = frozenset({"yes", "true", "1", "x", "kyllä", "ja"})
_NO = frozenset({"no", "false", "0", "ei", "nej"})


# --- Out ------------------------------------------------------------------------------------------


def _yes_or_no(text: str | None) -> str:
    said = read_yes(text)
    return "" if said is None else "yes" if said else "no"


def _skill(one: LanguageSkill) -> str:
    text = f"{one.language} {words.language_name(one.language)} {one.level or ''}".strip()
    return f"{text}: {words.field_of_study(one.area)}" if one.area else text


def _cells(one: Condition, names: Mapping[str, str]) -> dict[str, str]:
    """Everything of a condition as it stands in the sheet."""
    return {
        "kind": f"{one.kind.value}: {gettext(words.KINDS[one.kind])}",
        "sending": f"{one.sending}: {names.get(one.sending, '')}".rstrip(": "),
        "receiving": f"{one.receiving}: {names.get(one.receiving, '')}".rstrip(": "),
        "areas": "\n".join(map(words.field_of_study, one.areas)),
        "levels": "\n".join(gettext(words.LEVELS[c]) if (c := level.strip()) in words.LEVELS else level
                            for level in one.levels),
        "skills": "\n".join(map(_skill, one.skills)),
        "blended": _yes_or_no(one.blended),
        **{name: getattr(one, name) or "" for name in _TEXTS},
    }  # fmt: skip


def written(agreements: Iterable[Agreement]) -> bytes:
    """A workbook in the active language: the agreements, and a sheet with the fields of study."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"constant_memory": False, "in_memory": True}) as book:
        sheet = book.add_worksheet(gettext("Agreements")[:31])
        text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        bold = book.add_format({"num_format": "@", "bold": True, "text_wrap": True})
        sheet.set_column(0, len(COLUMNS) - 1, 20, text)
        sheet.freeze_panes(1, 1)
        for place, name in enumerate(COLUMNS):
            sheet.write_string(0, place, gettext(COLUMNS[name]), bold)
        row = 0
        for agreement in agreements:
            for cells in _rows(agreement):
                row += 1
                for place, name in enumerate(COLUMNS):
                    if cells.get(name):
                        sheet.write_string(row, place, cells[name][:32_000], text)
        _lists(sheet, last=row + 500)
        codes = book.add_worksheet(gettext("Fields of study")[:31])
        codes.set_column(0, 0, 60)
        for place, code in enumerate(c for c in ISCED_F if c.facts["level"] == "detailed"):
            codes.write_string(place, 0, words.field_of_study(SubjectArea(code.code)))
    return packed.getvalue()


def _rows(agreement: Agreement) -> list[dict[str, str]]:
    names = {one.hei_id: one.name for one in (agreement.institution, agreement.partner)}
    head = {
        "agreement": agreement.code,
        "partner": f"{agreement.partner.hei_id}: {agreement.partner.name}",
        "programme": f"{agreement.programme}: {gettext(Programme(agreement.programme).label)}",
        "ended": "yes" if agreement.terms.is_terminated else "no",
        "version": agreement.current.digest[:VERSION_LENGTH] if agreement.current else "",
    }
    return [
        {**head, "condition": str(number), **_cells(one, names)}
        for number, one in enumerate(agreement.terms.conditions, 1)
    ] or [head]


def _lists(sheet: Any, *, last: int) -> None:
    """Cells with few possible values offer them."""
    choices: dict[str, list[str]] = {
        "kind": [f"{kind.value}: {gettext(words.KINDS[kind])}" for kind in ORDER],
        "blended": ["yes", "no"],
        "ended": ["yes", "no"],
    }
    for name, values in choices.items():
        place = list(COLUMNS).index(name)
        # A list in the cell itself holds at most 255 characters.
        if len(",".join(values)) > 250:
            values = [value.partition(":")[0] for value in values]
        sheet.data_validation(
            1,
            place,
            last,
            place,
            {"validate": "list", "source": values, "error_type": "warning"},
        )


# --- In -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One row of a file: its number there, its cells, and which of them hold formulas (counted from 0)."""

    number: int
    cells: Sequence[str]
    formulas: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place of a file, and what to do; sentences are marked for the translators."""

    line: int
    column: str  # name of the column, empty for the whole row
    value: str
    sentence: str
    remedy: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Row:
    """What becomes of one row: created, changed, unchanged or refused."""

    line: int
    verdict: str
    condition: Condition | None = None
    changes: list[tuple[str, str, str]] = field(default_factory=list)  # field, before, after
    problems: list[Problem] = field(default_factory=list)


@dataclass
class Plan:
    """What becomes of one agreement of a file."""

    code: str
    partner: Institution | None
    agreement: Agreement | None
    programme: str
    terms: Terms
    rows: list[Row]
    removed: list[Condition] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps it out."""
        return [problem for row in self.rows for problem in row.problems]

    @property
    def verdict(self) -> str:
        """Created, changed, unchanged or refused; one refused row refuses the agreement."""
        if self.problems:
            return "refused"
        if self.agreement is None:
            return "created"
        moved = self.removed or any(row.verdict != "unchanged" for row in self.rows)
        return "changed" if moved else "unchanged"


class NotAgreements(Refusal):
    """The file has other columns."""

    sentence = _("Columns are missing: %(columns)s.")
    remedy = _("Take a spreadsheet that was downloaded here as the beginning.")


class TooManyRows(Refusal):
    """More than one file is read with."""

    sentence = _("A file may have at most %(most)s rows.")
    remedy = _("Bring it in parts.")


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


def _headers() -> dict[str, str]:
    """Column by every name it may have: the technical one and its words in all languages."""
    found = {_plain(name): name for name in COLUMNS}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            found |= {_plain(gettext(label)): name for name, label in COLUMNS.items()}
    return found


def known_headers() -> frozenset[str]:
    """Every name a column may have, to recognise a table by."""
    return frozenset(_headers())


def plan(
    header: Sequence[str],
    lines: Iterable[Line],
    *,
    institution: Institution,
    landing: Landing,
) -> list[Plan]:
    """What would become of each agreement in the file; writes nothing. Refuses a file with other columns."""
    known = _headers()
    places = {known[_plain(name)]: at for at, name in enumerate(header) if _plain(name) in known}
    if absent := [name for name in _REQUIRED if name not in places]:
        columns = ", ".join(gettext(COLUMNS[name]) for name in absent)
        raise NotAgreements("spreadsheet.columns", columns=columns)
    groups: dict[str, list[tuple[Line, dict[str, str]]]] = {}
    for count, line in enumerate(lines):
        if count >= MOST_ROWS:
            raise TooManyRows("spreadsheet.rows", most=MOST_ROWS)
        said = {
            name: line.cells[at].strip() if at < len(line.cells) else ""
            for name, at in places.items()
        }
        groups.setdefault(said["agreement"] or f"#{line.number}", []).append((line, said))
    known_here = _Known.of(groups, institution)
    return [
        _one(code, rows, places, known_here, institution=institution, landing=landing)
        for code, rows in groups.items()
    ]


@dataclass(frozen=True)
class _Known:
    """What we have of what a file names, read at once: partners by their ids, agreements by their codes."""

    partners: Mapping[str, Institution]
    agreements: Mapping[str, Agreement]

    @classmethod
    def of(
        cls, groups: Mapping[str, list[tuple[Line, dict[str, str]]]], institution: Institution
    ) -> _Known:
        named = {_token(rows[0][1]["partner"]) for rows in groups.values()}
        agreements = (
            Agreement.objects.filter(institution=institution, deleted_at__isnull=True)
            .select_related("institution", "partner", "unit", "current")
            .prefetch_related("copies__current")
        )
        return cls(
            {one.hei_id: one for some in _parts_of(named) for one in
             Institution.objects.filter(hei_id__in=some)},
            {one.code: one for some in _parts_of(groups) for one in
             agreements.filter(code__in=some)},
        )  # fmt: skip


def _parts_of(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """As many at a time as one query may name."""
    rest = iter(names)
    while some := tuple(islice(rest, 500)):
        yield some


def _token(text: str) -> str:
    return text.partition(":")[0].strip()


def _one(
    code: str,
    rows: list[tuple[Line, dict[str, str]]],
    places: Mapping[str, int],
    known: _Known,
    *,
    institution: Institution,
    landing: Landing,
) -> Plan:
    first_line, first = rows[0]
    partner = known.partners.get(_token(first["partner"]))
    agreement = known.agreements.get(code)
    before = _before(agreement, landing)
    made = Plan(
        code="" if code.startswith("#") else code,
        partner=partner,
        agreement=agreement,
        programme=_token(first.get("programme", "")) or Programme.ERASMUS.value,
        terms=Terms(),
        rows=[],
    )
    names = {one.hei_id: one.name for one in (institution, partner) if one is not None}
    used: set[int] = set()
    if agreement is not None and not before.conditions and _is_without_condition(rows):
        made.rows.append(Row(first_line.number, "unchanged"))
    else:
        for line, said in rows:
            made.rows.append(_row(line, said, before, used, names, places))
    made.rows[0].problems += _whole(made, first_line, first, institution, landing)
    conditions = tuple(row.condition for row in made.rows if row.condition is not None)
    ended = first.get("ended", "").casefold()
    terminated = before.terminated
    if (ended in _YES) != before.is_terminated and ended in _YES | _NO:
        terminated = "true" if ended in _YES else None
    made.terms = replace(before, conditions=conditions, terminated=terminated)
    if terminated != before.terminated and made.rows[0].verdict == "unchanged":
        made.rows[0].verdict = "changed"
    made.removed = [one for at, one in enumerate(before.conditions) if at not in used]
    _checked(made, institution)
    return made


def _is_without_condition(rows: list[tuple[Line, dict[str, str]]]) -> bool:
    """The single row of an agreement that has no conditions yet, as it is written out."""
    return len(rows) == 1 and not any(
        text for name, text in rows[0][1].items() if name not in _OF_THE_WHOLE
    )


def _before(agreement: Agreement | None, landing: Landing) -> Terms:
    if agreement is None:
        return Terms()
    received = agreement.received_copy if landing is Landing.PARTNER else None
    said = received.current.copy if received and received.current else None
    return said.terms if said else agreement.terms


def _whole(
    made: Plan, line: Line, said: Mapping[str, str], institution: Institution, landing: Landing
) -> list[Problem]:
    """What is wrong with the agreement, told at its first row."""

    def wrong(column: str, sentence: str, remedy: str = "", **facts: object) -> Problem:
        return Problem(line.number, column, said.get(column, ""), sentence, remedy, facts)

    found = []
    if made.partner is None or made.partner == institution:
        found.append(
            wrong(
                "partner",
                _("No institution with this identifier is known here."),
                _("Enter the institution first, or correct the identifier."),
            )
        )
    elif made.agreement is not None and made.agreement.partner_id != made.partner.pk:
        found.append(
            wrong(
                "partner",
                _("The agreement with this code is with another partner."),
                _("Correct the code or the partner."),
            )
        )
    if made.programme not in Programme.values:
        found.append(wrong("programme", _("This is no programme."), _("Choose one from the list.")))
    current = made.agreement.current if made.agreement else None
    version = said.get("version", "")
    if landing is Landing.OURS and version and current and not current.digest.startswith(version):
        found.append(
            wrong(
                "version",
                _("The agreement was changed after this file was made."),
                _("Download it again and enter your changes there."),
            )
        )
    if landing is Landing.PARTNER and made.partner is not None:
        way = reaching.channel_of(institution, made.partner)
        if way in {Channel.EWP, Channel.HERE}:
            found.append(
                wrong(
                    "partner",
                    _("The partner writes its copy itself."),
                    _("Bring the file as ours, or choose another channel for this partner."),
                )
            )
    return found


def _row(
    line: Line,
    said: Mapping[str, str],
    before: Terms,
    used: set[int],
    names: Mapping[str, str],
    places: Mapping[str, int],
) -> Row:
    found = Row(line.number, "created")
    for name, at in places.items():
        if at in line.formulas:
            found.problems.append(
                Problem(
                    line.number, name, "", _("A formula stands here."), _("Enter the value itself.")
                )
            )
    old: Condition | None = None
    number = said.get("condition", "")
    if number:
        place = int(number) - 1 if number.isdecimal() and len(number) < 6 else -1
        if place in used or place < 0:
            found.problems.append(
                Problem(
                    line.number,
                    "condition",
                    number,
                    _("This number stands here twice, or is none."),
                    _("Leave it empty for a new condition."),
                )
            )
        elif place < len(before.conditions):
            used.add(place)
            old = before.conditions[place]
    try:
        condition = _condition(said, old, names)
    except _Wrong as wrong:
        found.problems.append(
            Problem(
                line.number, wrong.column, said.get(wrong.column, ""), wrong.sentence, wrong.remedy
            )
        )
    else:
        found.condition = condition
        if old is not None:
            found.changes = _changes(old, condition, names)
            found.verdict = "changed" if condition != old else "unchanged"
    if found.problems:
        found.verdict = "refused"
    return found


def _changes(
    old: Condition, new: Condition, names: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    return [
        (
            name,
            words.value(name, getattr(old, name), names),
            words.value(name, getattr(new, name), names),
        )
        for name in words.FIELDS
        if hasattr(old, name) and getattr(old, name) != getattr(new, name)
    ]


class _Wrong(Exception):
    def __init__(self, column: str, sentence: str, remedy: str = "") -> None:
        super().__init__(column)
        self.column, self.sentence, self.remedy = column, sentence, remedy


def _condition(
    said: Mapping[str, str], old: Condition | None, names: Mapping[str, str]
) -> Condition:
    """What a row says; cells that nobody touched say what they said before."""
    shown = _in_every_language(old, names) if old is not None else {}

    def touched(name: str) -> bool:
        return old is None or " ".join(said.get(name, "").split()) not in shown.get(name, set())

    changed: dict[str, Any] = {}
    kind = _token(said["kind"]).casefold()
    if kind not in set(Kind):
        raise _Wrong("kind", _("This is no kind of mobility."), _("Choose one from the list."))
    changed["kind"] = Kind(kind)
    for name in ("sending", "receiving"):
        if touched(name):
            changed[name] = _token(said[name])
    for name in _TEXTS:
        if name in said and touched(name):
            text = said[name].replace(",", ".") if name in {"months", "days"} else said[name]
            required = name in {"first_year", "last_year", "people"}
            changed[name] = text if required else text or None
    for name, read in _READ.items():
        if name in said and touched(name):
            changed[name] = read(said[name])
    if old is None:
        facts: dict[str, Any] = {"first_year": "", "last_year": "", "people": "", **changed}
        return Condition(**facts)
    return replace(old, **changed)


def _in_every_language(old: Condition, names: Mapping[str, str]) -> dict[str, set[str]]:
    """How the condition's cells read, whoever wrote the file."""
    found: dict[str, set[str]] = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for name, text in _cells(old, names).items():
                found.setdefault(name, set()).add(" ".join(text.split()))
    for name in ("sending", "receiving"):
        found[name].add(getattr(old, name))
    return found


def _parts(text: str) -> list[str]:
    pieces = text.split("\n") if "\n" in text else text.split(";")
    return [piece.strip() for piece in pieces if piece.strip()]


def _area(text: str, column: str = "areas") -> SubjectArea:
    found = re.match(r"([0-9]{1,4})\b\s*(.*)", text, re.DOTALL)
    if found is None:
        raise _Wrong(
            column,
            _("This does not begin with the code of a field."),
            _("Write 0613 or 0613 (only games)."),
        )
    code, rest = found.groups()
    if code in ISCED_F:
        for name in ISCED_F[code].names.values():
            rest = rest.removeprefix(name).strip()
    narrowed = re.fullmatch(r"\((.*)\)", rest, re.DOTALL)
    return SubjectArea(code, narrowed.group(1).strip() or None if narrowed else None)


def _areas(text: str) -> tuple[SubjectArea, ...]:
    return tuple(_area(piece) for piece in _parts(text))


def _skills(text: str) -> tuple[LanguageSkill, ...]:
    found = []
    for piece in _parts(text):
        head, _colon, area = piece.partition(":")
        code = head.split()[0]
        level = re.search(r"\b([ABC][12])\b", head)
        found.append(
            LanguageSkill(
                code,
                level.group(1) if level else None,
                _area(area.strip(), "skills") if area.strip() else None,
            )
        )
    return tuple(found)


def _levels(text: str) -> tuple[str, ...]:
    found = []
    for piece in _parts(text):
        digits = re.findall(r"\b([1-8])\b", piece)
        if not digits:
            raise _Wrong("levels", _("This is no level."), _("Write 5, 6, 7 or 8."))
        found.append(digits[-1])
    return tuple(found)


def _blended(text: str) -> str | None:
    said = text.casefold()
    if said and said not in _YES | _NO:
        raise _Wrong("blended", _("Say yes or no."))
    return None if not said else "true" if said in _YES else "false"


_READ: dict[str, Callable[[str], Any]] = {
    "areas": _areas,
    "skills": _skills,
    "levels": _levels,
    "blended": _blended,
}


def _checked(made: Plan, institution: Institution) -> None:
    """What the network would refuse is refused here, at its row and column."""
    if made.partner is None or any(row.condition is None for row in made.rows):
        return
    parties = frozenset({institution.hei_id, made.partner.hei_id})
    for found in check(made.terms, parties=parties):
        if found.blocks:
            row = made.rows[found.place or 0]
            column = found.field if found.field in COLUMNS else ""
            row.problems.append(
                Problem(row.line, column, found.value, found.sentence, "", {"value": found.value})
            )
            row.verdict = "refused"


# --- Bringing -------------------------------------------------------------------------------------


@transaction.atomic
def bring(
    *,
    actor: Actor,
    institution: Institution,
    landing: Landing,
    name: str,
    content: bytes,
    digest: str,
    now: datetime,
) -> AgreementFile:
    """Keeps the file, sealed, until somebody has looked at what it would do."""
    actor.require(May.AGREEMENTS_EDIT, institution.pk, None)
    return AgreementFile.objects.create(
        institution=institution,
        landing=landing,
        name=" ".join(name.replace("\\", "/").rpartition("/")[2].split())[-200:]
        or "agreements.xlsx",
        content=seal(content),
        digest=digest,
        at=now,
        by=actor.label,
        account_id=actor.account_id,
    )


_AT_ONCE = 50
"""Agreements in one transaction, so that a long file keeps nobody else from writing for long."""


def carry_out(
    *,
    actor: Actor,
    file: AgreementFile,
    plans: Sequence[Plan],
    now: datetime,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[dict[str, str]]:
    """Brings in every agreement that nothing is wrong with; each is whole or not there. Twice does nothing more.

    `plans` are those of the whole file, in its order; what was begun and broken off goes on where it stopped. `tell`
    hears how far it is. Answers code, verdict and the refusal's sentence of each.
    """
    actor.require(May.AGREEMENTS_EDIT, file.institution_id, None)
    while True:
        with transaction.atomic():
            held = AgreementFile.objects.select_for_update().get(pk=file.pk)
            told = list(held.outcome)
            if held.done_at:
                return told
            told += [
                _carried(actor, held, each, now) for each in plans[len(told) : len(told) + _AT_ONCE]
            ]
            held.outcome = told
            if len(told) >= len(plans):
                held.done_at = now
                _note_down(actor, held, now)
            held.save(update_fields=["done_at", "outcome"])
        tell(len(told), len(plans))


def _note_down(actor: Actor, held: AgreementFile, now: datetime) -> None:
    count = sum(one["verdict"] in {"created", "changed"} for one in held.outcome)
    record(
        actor,
        "channels.bring-file",
        held,
        at=now,
        institution_id=held.institution_id,
        changes={"agreements": [0, count]},
    )


def _carried(actor: Actor, file: AgreementFile, made: Plan, now: datetime) -> dict[str, str]:
    said = {
        "code": made.code,
        "verdict": made.verdict,
        "agreement": "",
        "sentence": "",
        "remedy": "",
    }
    if made.verdict not in {"created", "changed"} or made.partner is None:
        return said | {"agreement": str(made.agreement.pk) if made.agreement else ""}
    try:
        with transaction.atomic():
            agreement = _landed(actor, file, made, made.partner, now)
    except Refusal as refusal:
        return said | {
            "verdict": "refused",
            "sentence": str(refusal),
            "remedy": refusal.remedy,
        }
    code = agreement.code if agreement else said["code"]
    return said | {"code": code, "agreement": str(agreement.pk) if agreement else ""}


def _landed(
    actor: Actor, file: AgreementFile, made: Plan, partner: Institution, now: datetime
) -> Agreement | None:
    if file.landing == Landing.OURS:
        if made.agreement is not None:
            looked_at = made.agreement.current
            return actions.edit(
                actor=actor,
                agreement=made.agreement,
                terms=made.terms,
                now=now,
                seen=looked_at.number if looked_at else None,
            )
        return actions.create(
            actor=actor,
            institution=file.institution,
            partner=partner,
            terms=made.terms,
            programme=made.programme,
            code=made.code,
            now=now,
        )
    speaker = Actor(
        kind=ActorKind.PARTNER, label=f"{partner.hei_id} ({file.name}, {actor.label})"[:200]
    )
    if made.agreement is None or not made.agreement.shared_at:
        theirs.propose(
            institution=file.institution,
            partner=partner,
            terms=made.terms,
            code=made.code,
            actor=speaker,
            channel=Way.FILE,
            now=now,
        )
        return made.agreement
    actor.require(May.AGREEMENTS_EDIT, made.agreement.institution_id, made.agreement.unit_id)
    return theirs.say(
        theirs.locked(made.agreement), made.terms, actor=speaker, channel=Way.FILE, now=now
    )

"""Bringing a VIRTA document in: any of the six forms, so that an institution starts with what it already sends.

A kind of file as `imports.kinds` describes one; that room finds it through the settings and is not known here.
Records become facts (`crosswalk`), facts go through the same actions as everything else. What the document has and
we do not model is kept with the record and named on the page of the batch.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from vaihto.classification.models import Period
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import CHUNK, Coming, Keep, Outcome, Verdict
from vaihto.mobilities import actions as mobilities
from vaihto.people import actions as people
from vaihto.refusals import Invalid, Refusal
from vaihto.transcripts import actions as transcripts
from vaihto.virta import crosswalk, stored
from vaihto.virta.document import Unreadable, read_document
from vaihto.virta.models import Form
from vaihto.virta.problems import Problem, told
from vaihto.virta.records import (
    KIND_OF,
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Opintosuoritus,
    Opiskelija,
    Opiskeluoikeus,
    Record,
    key_of,
)
from vaihto.virta.validation import official, validate
from vaihto.wording import mark as _


class OtherInstitution(Invalid):
    """A record of another institution stands in the file."""

    sentence = _(
        "The record was granted by %(value)s, and the file is brought in for %(expected)s."
    )
    remedy = _("Choose the institution whose file this is.")


class NotOfTheSchema(Invalid):
    """A record that the national schema does not allow."""

    sentence = _("%(what)s")
    remedy = _("Correct it in the study register and export the file again.")


@dataclass(frozen=True)
class ReadRecord:
    """One record of the document with its line."""

    line: int
    lines: tuple[int, ...]
    key: str
    facts: Any | None
    problems: tuple[Refusal, ...] = ()


Action = Callable[..., list[Outcome]]


@dataclass(frozen=True)
class RecordsOfAKind:
    """One kind of record, with the actions that plan and bring its facts and the fields VIRTA speaks of."""

    name: str
    label: str
    said: Collection[str]
    columns: dict[str, str]
    plans: Action
    brings: Action
    is_same: Callable[[Institution, Sequence[Any]], set[int]] = lambda _place, _facts: set()

    def plan(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        seen: dict[Any, int],
        coming: Coming,
    ) -> list[Outcome]:
        """What would happen; writes nothing."""
        return self._but_the_same(
            institution,
            facts,
            lambda rest: self.plans(
                actor=actor,
                institution=institution,
                facts=rest,
                said=self.said,
                seen=seen,
                coming=coming,
            ),
        )

    def bring(
        self,
        *,
        actor: Actor,
        institution: Institution | None,
        facts: Sequence[Any],
        now: datetime,
        batch: str,
        seen: dict[Any, int],
        keep: Keep,
    ) -> list[Outcome]:
        """Does it."""
        return self._but_the_same(
            institution,
            facts,
            lambda rest: self.brings(
                actor=actor,
                institution=institution,
                facts=rest,
                now=now,
                batch=batch,
                said=self.said,
                seen=seen,
                keep=keep,
            ),
        )

    def _but_the_same(
        self,
        institution: Institution | None,
        facts: Sequence[Any],
        act: Callable[[list[Any]], list[Outcome]],
    ) -> list[Outcome]:
        """Facts that our own records give in the very same way are left alone; they may know more than VIRTA."""
        same = self.is_same(institution, facts) if institution else set()
        rest = [fact for index, fact in enumerate(facts) if index not in same]
        acted = iter(act(rest) if rest else ())
        return [
            Outcome(index, fact.key, Verdict.UNCHANGED) if index in same else next(acted)
            for index, fact in enumerate(facts)
        ]


def _periods_we_would_send(institution: Institution, facts: Sequence[Any]) -> set[int]:
    """Places of the mobilities for which our own period is what the document says."""
    keys = [fact.key for fact in facts]
    ours = {
        record.avain: record
        for record in stored.periods_of(
            institution, Period.objects.filter(institution=institution, key__in=keys)
        )
    }
    return {
        index
        for index, fact in enumerate(facts)
        if fact.key in ours
        and ours[fact.key] == crosswalk.period_as_brought(fact, institution.national_code)
    }


_STUDENTS = RecordsOfAKind(
    name="students",
    label=_("Students"),
    said=(
        "family_name",
        "given_names",
        "gender",
        "citizenships",
        "learner_number",
        "identity_code",
        "mother_tongue",
        "residence",
        "first_enrolled",
        "kept_aside",
    ),
    columns={
        "key": "avain",
        "family_name": "Sukunimi",
        "given_names": "Etunimet",
        "gender": "Sukupuoli",
        "citizenships": "Kansalaisuus",
        "learner_number": "KansallinenOppijanumero",
        "identity_code": "Henkilotunnus",
        "mother_tongue": "Aidinkieli",
        "residence": "Asuinkunta",
        "first_enrolled": "KirjoihintuloPvm",
    },
    plans=people.plan_students,
    brings=people.bring_students,
)
_RIGHTS = RecordsOfAKind(
    name="study_rights",
    label=_("Study rights"),
    said=(
        "student_key",
        "type",
        "start",
        "end",
        "granted_by",
        "states",
        "spells",
        "primacies",
        "kept_aside",
    ),
    columns={
        "key": "avain",
        "student_key": "opiskelijaAvain",
        "type": "Tyyppi",
        "start": "AlkuPvm",
        "end": "LoppuPvm",
        "granted_by": "Myontaja",
        "states": "Tila",
        "spells": "Jakso",
        "primacies": "Ensisijaisuus",
    },
    plans=people.plan_study_rights,
    brings=people.bring_study_rights,
)
_ENROLMENTS = RecordsOfAKind(
    name="term_enrolments",
    label=_("Term enrolments"),
    said=("student_key", "right_key", "start", "end", "state", "document"),
    columns={
        "student_key": "opiskelijaAvain",
        "right_key": "opiskeluoikeusAvain",
        "start": "AlkuPvm",
        "end": "LoppuPvm",
        "state": "Tila",
    },
    plans=people.plan_term_enrolments,
    brings=people.bring_term_enrolments,
)
_ATTAINMENTS = RecordsOfAKind(
    name="attainments",
    label=_("Attainments"),
    said=(
        "student_key",
        "right_key",
        "kind",
        "names",
        "credits",
        "grade_scale",
        "grade",
        "completed_on",
        "recognised_on",
        "granted_by",
        "source_code",
        "classifications",
        "education_code",
        "module",
        "language",
        "is_traineeship",
        "kept_aside",
    ),
    columns={
        "key": "avain",
        "student_key": "opiskelijaAvain",
        "right_key": "opiskeluoikeusAvain",
        "kind": "Laji",
        "names": "Nimi",
        "credits": "Laajuus",
        "grade": "Arvosana",
        "completed_on": "SuoritusPvm",
        "recognised_on": "HyvaksilukuPvm",
        "source_code": "Organisaatio",
        "classifications": "Luokittelu",
        "education_code": "Koulutuskoodi",
        "module": "koulutusmoduulitunniste",
        "language": "Kieli",
    },
    plans=transcripts.plan_attainments,
    brings=transcripts.bring_attainments,
)
_PERIODS = RecordsOfAKind(
    name="mobility_periods",
    label=_("Mobility periods"),
    said=(
        "student_key",
        "direction",
        "purpose",
        "programme",
        "partner_country",
        "part_of_degree",
        "planned_blended",
        "right_key",
        "level",
        "home_degree_abroad",
        "adult_education",
        "segments",
        "kept_aside",
    ),
    columns={
        "key": "avain",
        "student_key": "opiskelijaAvain",
        "right_key": "opiskeluoikeusAvain",
        "direction": "Suunta",
        "purpose": "Tyyppi",
        "programme": "Liikkuvuusohjelma",
        "partner_country": "Maa",
        "level": "OpiskeluoikeusTyyppi",
        "segments": "AlkuPvm, LoppuPvm",
        "planned_blended": "Luokittelu",
        "adult_education": "Luokittelu",
    },
    plans=mobilities.plan_mobilities,
    brings=mobilities.bring_mobilities,
    is_same=_periods_we_would_send,
)
_PARTS: dict[type[Record], RecordsOfAKind] = {
    Opiskelija: _STUDENTS,
    Opiskeluoikeus: _RIGHTS,
    LukukausiIlmoittautuminen: _ENROLMENTS,
    Opintosuoritus: _ATTAINMENTS,
    Liikkuvuusjakso: _PERIODS,
}


@dataclass
class DocumentArrival:
    """A document whose records have been counted once; `pieces` reads it again, record by record."""

    file: Path
    institution: Institution
    described: dict[str, str]
    lines: int
    notes: Sequence[tuple[str, dict[str, Any]]]
    faults: dict[tuple[str, str], list[Problem]]
    repeated: Collection[str] | None = None
    referred: Collection[str] | None = None

    def pieces(self) -> Iterator[tuple[RecordsOfAKind, Sequence[ReadRecord]]]:
        """Some thousand students with everything that belongs to them, kind after kind."""
        held: dict[type[Record], list[ReadRecord]] = {kind: [] for kind in _PARTS}
        count = 0
        document = read_document(self.file)
        for record in document:
            # A nested document is cut between students, a separate one anywhere.
            is_full = count >= CHUNK or len(held[type(record)]) >= CHUNK
            if is_full and (isinstance(record, Opiskelija) or document.root != Form.NESTED):
                yield from self._emptied(held)
                count = 0
            held[type(record)].append(self._read(record, document.line))
            count += 1
        yield from self._emptied(held)

    def _emptied(
        self, held: dict[type[Record], list[ReadRecord]]
    ) -> Iterator[tuple[RecordsOfAKind, Sequence[ReadRecord]]]:
        for kind, records in held.items():
            for start in range(0, len(records), CHUNK):
                yield _PARTS[kind], records[start : start + CHUNK]
            held[kind] = []

    def _read(self, record: Record, line: int) -> ReadRecord:
        key = key_of(record)
        faults = self.faults.get((KIND_OF[type(record)].element, key))
        if faults:
            return ReadRecord(line, (line,), key, None, tuple(_as_refusal(f) for f in faults))
        try:
            return ReadRecord(line, (line,), key, self._facts(record))
        except Invalid as refusal:
            return ReadRecord(line, (line,), key, None, (refusal,))

    def _facts(self, record: Record) -> Any:
        code = self.institution.national_code
        match record:
            case Opiskelija():
                return crosswalk.student_facts(record)
            case Opiskeluoikeus():
                return crosswalk.study_right_facts(record)
            case LukukausiIlmoittautuminen():
                return crosswalk.term_enrolment_facts(record)
            case Opintosuoritus():
                return crosswalk.attainment_facts(record, institution_code=code)
            case Liikkuvuusjakso():
                if record.Myontaja != code:
                    raise OtherInstitution(
                        "virta.other-institution",
                        field="Myontaja",
                        value=record.Myontaja,
                        expected=code,
                    )
                return crosswalk.mobility_facts(record)


def _as_refusal(problem: Problem) -> NotOfTheSchema:
    said = told(problem, _plain)
    return NotOfTheSchema(
        "virta.not-of-the-schema",
        what=said.sentence,
        remedy=said.remedy or NotOfTheSchema.remedy,
        field=problem.path,
        value="" if problem.kind == "Opiskelija" else problem.value or "",
    )


def _plain(sentence: str) -> str:
    return sentence


@dataclass(frozen=True)
class VirtaKind:
    """VIRTA XML as a kind of file."""

    name: str = "virta"
    label: str = _("VIRTA XML")
    explanation: str = _(
        "A VIRTA document as the study register sends it: the nested whole (Virta) or one of the separate files. "
        "Records that the national schema does not allow are refused one by one; what is not modelled here is kept "
        "with its record and sent on as it came."
    )
    endings: tuple[str, ...] = (".xml",)
    for_institution: bool = True
    may: May = May.IMPORTS_RUN
    columns: tuple[Any, ...] = field(default=())

    def open(self, file: Path, *, name: str, institution: Institution | None) -> DocumentArrival:
        """The document, read through once. Refuses what is no VIRTA document."""
        if institution is None or not institution.national_code:
            raise Invalid(
                "virta.no-national-code",
                sentence=_("VIRTA documents belong to a Finnish institution with a national code."),
                remedy=_("Choose the institution, or enter its five-digit code on its page."),
            )
        faults: dict[tuple[str, str], list[Problem]] = {}
        for problem in validate(file, settings.SCHEMAS):
            if problem.kind:
                faults.setdefault((problem.kind, problem.key), []).append(problem)
        counts: Counter[str] = Counter()
        aside: Counter[str] = Counter()
        last = 0
        document = read_document(file)
        for record in document:
            counts[KIND_OF[type(record)].element] += 1
            last = document.line
            for kept in _kept(record, institution.national_code):
                aside[kept] += 1
        schema = official(settings.SCHEMAS)
        return DocumentArrival(
            file=file,
            institution=institution,
            described={
                "document": document.root,
                "records": ", ".join(f"{kind} {count}" for kind, count in counts.items()),
                "schema": schema.versions.get(document.root, "") if schema else "",
            },
            lines=last,
            notes=_notes(aside, document.aside, has_schema=schema is not None),
            faults=faults,
        )

    def refused_lines(
        self, file: Path, *, problems: Iterator[tuple[int, str]], shape: str, target: Path
    ) -> None:
        """Names the refused records: their line in the document and what is wrong (a list, not a document)."""
        del file
        if shape != "csv":
            raise Unreadable(
                "virta.refused-shape",
                sentence=_("The refused records of a VIRTA document are listed as CSV."),
                line=0,
            )
        with target.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("line", "problem"))
            for line, problem in problems:
                writer.writerow((line, f"'{problem}" if problem[:1] in "=+-@\t\r" else problem))

    def template(self, shape: str) -> bytes:
        """No template: the study register writes these files."""
        del shape
        return b""


def _kept(record: Record, code: str) -> tuple[str, ...]:
    """What of a record is kept aside, by the names of its elements."""
    try:
        match record:
            case Opiskelija():
                facts: Any = crosswalk.student_facts(record)
            case Opiskeluoikeus():
                facts = crosswalk.study_right_facts(record)
            case Opintosuoritus():
                facts = crosswalk.attainment_facts(record, institution_code=code)
            case Liikkuvuusjakso():
                facts = crosswalk.mobility_facts(record)
            case _:
                return ()
    except Invalid:
        return ()
    if not facts.kept_aside:
        return ()
    kind = KIND_OF[type(record)].element
    return tuple(
        f"{kind}/{name}" for name in crosswalk.kept_names(record, crosswalk.plain(facts, code))
    )


def _notes(
    aside: Counter[str], undeclared: Counter[str], *, has_schema: bool
) -> list[tuple[str, dict[str, Any]]]:
    notes: list[tuple[str, dict[str, Any]]] = []
    if aside:
        notes.append(
            (
                _("Kept with the records as it came, and sent on as it came: %(names)s."),
                {"names": ", ".join(f"{name} ({count})" for name, count in sorted(aside.items()))},
            )
        )
    if undeclared:
        notes.append(
            (
                _(
                    "Elements between the records that the format does not know are not kept: %(names)s."
                ),
                {"names": ", ".join(f"{name} ({count})" for name, count in undeclared.items())},
            )
        )
    if not has_schema:
        notes.append(
            (
                _(
                    "The official schema is not installed; the records were checked by our own structural check."
                ),
                {},
            )
        )
    return notes


KIND = VirtaKind()

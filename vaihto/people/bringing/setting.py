"""Where facts are brought: an institution, its units, the actor's reach, what the file speaks of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from vaihto.codes import CodeList
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.bringing import Coming, not_in_reach, unknown_code, unknown_key
from vaihto.people.models import StudentRecord
from vaihto.refusals import Refusal


@dataclass
class Setting:
    """Where facts are brought: the institution, its units, what the actor reaches, what the file speaks of."""

    institution: Institution
    units: dict[str, int]
    reach: frozenset[int] | None
    said: Collection[str] | None
    coming: Coming

    @classmethod
    def of(
        cls,
        institution: Institution,
        *,
        reach: frozenset[int] | None,
        said: Collection[str] | None,
        coming: Coming | None = None,
    ) -> Setting:
        """Asks for the units once for all facts."""
        units = dict(Unit.objects.filter(institution=institution).values_list("code", "pk"))
        return cls(institution, units, reach, said, coming or Coming())

    def says(self, name: str) -> bool:
        """Does what is brought speak of this field at all?"""
        return self.said is None or name in self.said

    def spoken(self, fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Those of the fields that what is brought speaks of."""
        return tuple(pair for pair in fields if self.says(pair[0]))

    def code_of(self, unit_id: int | None) -> str:
        """The code of a unit of the institution."""
        return next((code for code, pk in self.units.items() if pk == unit_id), "")

    def wrong_unit(self, code: str, *, stored_unit: int | None, is_new: bool) -> list[Refusal]:
        """A unit that does not exist, or lies outside what the actor's role holds for."""
        if code and code not in self.units:
            return [unknown_code("unit", code, expected=", ".join(sorted(self.units)[:20]))]
        if self.reach is None:
            return []
        stated = self.units.get(code) if code else None
        wanted = stated if is_new or (code and self.says("unit")) else stored_unit
        if wanted not in self.reach or not (is_new or stored_unit in self.reach):
            return [not_in_reach("unit", code)]
        return []


class KnownStudent(NamedTuple):
    """As much of a student record as facts about something else need."""

    key: str
    pk: int
    person_id: int
    unit_id: int | None


class Owner(NamedTuple):
    """The student a fact names: a record, or a key that an earlier part of the same file would create."""

    record: KnownStudent | None
    wrong: tuple[Refusal, ...]


def owner_of(
    key: str,
    students: dict[str, KnownStudent],
    setting: Setting,
    *,
    earlier: StudentRecord | None,
) -> Owner:
    """Whose record this is, or why it cannot be; `earlier` is the student it has belonged to so far."""
    record = students.get(key)
    if record is None:
        if not key or key in setting.coming.students:
            return Owner(None, ())
        return Owner(None, (unknown_key("student_key", key),))
    if setting.reach is not None:
        units = {record.unit_id} if earlier is None else {record.unit_id, earlier.unit_id}
        if not units <= setting.reach:
            return Owner(record, (not_in_reach("student_key", key),))
    return Owner(record, ())


def codes_of(codes: CodeList) -> str:
    """The codes of a short list, for people; of a long one, what it is called."""
    return ", ".join(codes.codes) if len(codes) <= 20 else codes.file.replace("_", " ")


def wrong_code(field_name: str, value: str, codes: CodeList) -> list[Refusal]:
    """A code that is stated and not in its list."""
    if value and value not in codes:
        return [unknown_code(field_name, value, expected=codes_of(codes))]
    return []


def students_by_key(institution: Institution, keys: Collection[str]) -> dict[str, KnownStudent]:
    """The institution's student records with these keys."""
    found = (
        StudentRecord.objects.filter(institution=institution, key__in=keys)
        .order_by()
        .values_list("key", "pk", "person_id", "unit_id")
    )
    return {row[0]: KnownStudent(*row) for row in found}

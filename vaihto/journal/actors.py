"""Who acts, and what that one may do where.

An actor is made at the edge (a signed-in account, a command, a background job) and handed down. Its
grants are already resolved from roles, so that rooms below `people` can ask without knowing roles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from vaihto.refusals import NotAllowed


class May(StrEnum):
    """What a grant allows. The first part names the room, the second the deed."""

    MOBILITIES_READ = "mobilities.read"
    MOBILITIES_EDIT = "mobilities.edit"
    PEOPLE_READ = "people.read"
    PEOPLE_EDIT = "people.edit"
    PEOPLE_SENSITIVE = "people.sensitive"
    IMPORTS_RUN = "imports.run"
    VIRTA_READ = "virta.read"
    VIRTA_EXPORT = "virta.export"
    INSTITUTIONS_EDIT = "institutions.edit"
    OFFERS_EDIT = "offers.edit"
    AGREEMENTS_READ = "agreements.read"
    AGREEMENTS_EDIT = "agreements.edit"
    AGREEMENTS_APPROVE = "agreements.approve"
    ROLES_MANAGE = "roles.manage"
    JOURNAL_READ = "journal.read"
    RULES_ADOPT = "rules.adopt"
    ALLIANCE_READ = "alliance.read"
    ALLIANCE_EDIT = "alliance.edit"


@dataclass(frozen=True)
class Grant:
    """Permissions at one institution (and perhaps one unit with what is below it) or in one alliance."""

    allows: frozenset[May]
    institution_id: int | None = None
    unit_ids: frozenset[int] | None = None
    alliance_id: int | None = None


class AnyUnit(Enum):
    """Asks for a permission wherever in the institution; None asks for it at the institution as a whole."""

    ANY = "any"


class ActorKind(StrEnum):
    PERSON = "person"
    PARTNER = "partner"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Somebody who does something. Never None.

    `label` names the actor in the journal for those who may read it; `behalf_of` says for whom a
    stand-in or an operator acts. `person_id` is the person behind an account, where one is linked.
    """

    kind: ActorKind
    label: str
    account_id: int | None = None
    person_id: int | None = None
    grants: tuple[Grant, ...] = field(default=())
    behalf_of: str = ""
    is_operator: bool = False

    @classmethod
    def system(cls, label: str = "Vaihto") -> Actor:
        """The program itself: timetable, commands run by an operator at the machine."""
        return cls(kind=ActorKind.SYSTEM, label=label, is_operator=True)

    @classmethod
    def stranger(cls) -> Actor:
        """Somebody who has not signed in; may do nothing and sees only what is public."""
        return cls(kind=ActorKind.PERSON, label="")

    @property
    def is_stranger(self) -> bool:
        """Is this somebody who has not signed in?"""
        return self.kind is ActorKind.PERSON and self.account_id is None

    @property
    def sees_everything(self) -> bool:
        """The program and its operators; people see through their grants."""
        return self.kind is ActorKind.SYSTEM

    def institutions(self, may: May) -> frozenset[int] | None:
        """Institutions where `may` holds, wholly or in some unit; None means everywhere."""
        if self.sees_everything:
            return None
        return frozenset(
            grant.institution_id
            for grant in self.grants
            if grant.institution_id is not None and may in grant.allows
        )

    def reach(self, may: May) -> tuple[Grant, ...]:
        """The institution grants that carry `may`: what `visible_to` builds its condition from."""
        return tuple(g for g in self.grants if g.institution_id is not None and may in g.allows)

    def alliances(self, may: May) -> frozenset[int] | None:
        """Alliances where `may` holds; None means everywhere."""
        if self.sees_everything:
            return None
        return frozenset(
            g.alliance_id for g in self.grants if g.alliance_id is not None and may in g.allows
        )

    def has(
        self,
        may: May,
        institution_id: int | None = None,
        unit_id: int | AnyUnit | None = AnyUnit.ANY,
    ) -> bool:
        """May the actor do this at the institution (anywhere at all, when none is named)?

        With a unit: there. With None: for what belongs to no unit, which a grant for some units does not cover.
        """
        if self.sees_everything:
            return True
        return any(
            may in grant.allows
            and (institution_id is None or grant.institution_id == institution_id)
            and (grant.unit_ids is None or unit_id is AnyUnit.ANY or unit_id in grant.unit_ids)
            for grant in self.grants
        )

    def require(
        self,
        may: May,
        institution_id: int | None = None,
        unit_id: int | AnyUnit | None = AnyUnit.ANY,
    ) -> None:
        """Refuses with `NotAllowed` unless the actor may."""
        if not self.has(may, institution_id, unit_id):
            raise NotAllowed("not-allowed", may=str(may))

    def require_any(self, mays: Iterable[May]) -> None:
        """Refuses unless the actor may at least one of these somewhere."""
        if not any(self.has(may) for may in mays):
            raise NotAllowed("not-allowed", may=", ".join(mays))

"""What each role may do, and the actor that an account becomes for one day."""

from __future__ import annotations

from datetime import date

from django.db.models import Q

from vaihto.institutions.models import Unit
from vaihto.journal.actors import Actor, ActorKind, Grant, May
from vaihto.people.models import Account, Role

_READ = frozenset({May.MOBILITIES_READ, May.PEOPLE_READ, May.ALLIANCE_READ, May.AGREEMENTS_READ})
_ENTRY = _READ | {May.MOBILITIES_EDIT, May.IMPORTS_RUN}
_REGISTRAR = _ENTRY | {
    May.PEOPLE_EDIT,
    May.PEOPLE_SENSITIVE,
    May.VIRTA_READ,
    May.VIRTA_EXPORT,
}

ALLOWS: dict[str, frozenset[May]] = {
    Role.Name.READER: _READ,
    Role.Name.ENTRY: _ENTRY,
    Role.Name.COORDINATOR: _READ | {May.MOBILITIES_EDIT, May.OFFERS_EDIT},
    Role.Name.AGREEMENT_MANAGER: _READ
    | {May.INSTITUTIONS_EDIT, May.OFFERS_EDIT, May.AGREEMENTS_EDIT},
    Role.Name.SIGNATORY: _READ | {May.AGREEMENTS_APPROVE},
    Role.Name.REGISTRAR: _REGISTRAR,
    Role.Name.ADMINISTRATOR: _REGISTRAR
    | {
        May.INSTITUTIONS_EDIT,
        May.OFFERS_EDIT,
        May.AGREEMENTS_EDIT,
        May.ROLES_MANAGE,
        May.JOURNAL_READ,
        May.RULES_ADOPT,
    },
    Role.Name.SECRETARIAT: frozenset({May.ALLIANCE_READ, May.ALLIANCE_EDIT}),
}


def _with_parts(unit_id: int, parents: dict[int, int | None]) -> frozenset[int]:
    """The unit and every unit below it."""
    found = {unit_id}
    grown = True
    while grown:
        more = {pk for pk, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return frozenset(found)


def actor_of(account: Account, *, today: date) -> Actor:
    """The account with what its roles of today allow."""
    roles = list(
        account.roles.filter(Q(until__isnull=True) | Q(until__gte=today), since__lte=today)
        .select_related("stand_in_for")
        .order_by("pk")
    )
    parents: dict[int, int | None] = {}
    if any(role.unit_id for role in roles):
        parents = dict(
            Unit.objects.filter(
                institution__in={role.institution_id for role in roles if role.unit_id}
            ).values_list("pk", "parent_id")
        )
    grants = tuple(
        Grant(
            allows=ALLOWS[role.name],
            institution_id=role.institution_id,
            unit_ids=_with_parts(role.unit_id, parents) if role.unit_id else None,
            alliance_id=role.alliance_id,
        )
        for role in roles
    )
    behalf = ", ".join(sorted({str(r.stand_in_for) for r in roles if r.stand_in_for}))
    return Actor(
        kind=ActorKind.PERSON,
        label=str(account),
        account_id=account.pk,
        person_id=account.person_id,
        grants=grants,
        behalf_of=behalf,
        is_operator=account.is_operator,
    )

"""Units: adding, editing, moving, exposing, removing; and which one stands for the whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from vaihto.institutions.actions.profiles import (
    compared,
    locked,
    overwrite,
    refuse_first,
    refuse_stale,
    written,
)
from vaihto.institutions.facts import UnitFacts
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.queries import unit_of
from vaihto.institutions.shapes import wrong_unit
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import unknown_key
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_NOT_COLUMNS = frozenset({"ounit_id", "parent"})


class StillNeeded(Refusal):
    """Something refers to the unit."""

    sentence = _("Records refer to this unit, so it cannot be removed.")
    remedy = _("Do not expose it any more; then partners do not see it.")


def _known(institution: Institution) -> dict[str, Unit]:
    return {unit.ounit_id: unit for unit in Unit.objects.filter(institution=institution)}


def _parent(facts: UnitFacts, known: dict[str, Unit], own: Unit | None) -> Unit | None:
    """The unit above. Refuses one that is not here or lies below the unit itself."""
    if not facts.parent:
        return None
    above = known.get(facts.parent)
    if above is None:
        raise unknown_key("parent", facts.parent)
    by_key = {unit.pk: unit for unit in known.values()}
    step: Unit | None = above
    for _each in known:
        if step is None or own is None:
            break
        if step.pk == own.pk:
            raise Invalid(
                "unit.below-itself",
                sentence=_("%(name)s cannot lie below itself."),
                remedy=_("Choose a unit that is not one of its own parts."),
                field="parent",
                name=own.name,
            )
        step = by_key.get(step.parent_id or 0)
    return above


def _code_is_free(facts: UnitFacts, known: dict[str, Unit], own: Unit | None) -> None:
    for unit in known.values():
        if unit.code == facts.code and (own is None or unit.pk != own.pk):
            raise Invalid(
                "unit.code-taken",
                sentence=_("The code “%(value)s” already names %(holder)s."),
                remedy=_("Give this unit another code."),
                field="code",
                value=facts.code,
                holder=unit.name,
            )


@transaction.atomic
def add_unit(
    *, actor: Actor, institution: Institution, facts: UnitFacts, now: datetime, reason: str = ""
) -> Unit:
    """A new unit. An `ounit_id` in the facts is kept (it comes from an earlier system), else a new one is made.

    Where one unit stands for the whole, a unit without a parent is put below it.
    """
    institution = locked(actor, institution)
    refuse_first(wrong_unit(facts))
    known = _known(institution)
    if facts.ounit_id in known:
        raise Invalid(
            "unit.id-taken",
            sentence=_("The identifier “%(value)s” already names another unit."),
            remedy=_("Identifiers are never given twice."),
            field="ounit_id",
            value=facts.ounit_id,
        )
    _code_is_free(facts, known, None)
    unit = Unit(institution=institution, parent=_parent(facts, known, None))
    if unit.parent is None:
        unit.parent_id = institution.root_unit_id
    if facts.ounit_id:
        unit.ounit_id = facts.ounit_id
    overwrite(unit, facts, [name for name in _columns() if name not in _NOT_COLUMNS])
    unit.save(force_insert=True)
    written(actor, "unit.created", unit, institution, "units", {}, now, reason)
    return unit


def _columns() -> list[str]:
    return list(UnitFacts.__dataclass_fields__)


@transaction.atomic
def edit_unit(
    *,
    actor: Actor,
    unit: Unit,
    facts: UnitFacts,
    now: datetime,
    expected: str | None = None,
    reason: str = "",
) -> Unit:
    """New facts of a unit, its place in the tree and whether partners see it included; its id never changes.

    Where one unit stands for the whole, the others lie below it. An equal state writes nothing.
    Refuses with `Stale`, with the first thing that is wrong, or where the unit would lie below itself.
    """
    institution = locked(actor, unit.institution)
    known = _known(institution)
    own = next(one for one in known.values() if one.pk == unit.pk)
    by_key = {one.pk: one.ounit_id for one in known.values()}
    stored = unit_of(own, parent=by_key.get(own.parent_id or 0, ""))
    refuse_stale(stored, expected)
    refuse_first(wrong_unit(facts))
    _code_is_free(facts, known, own)
    if not facts.parent and own.pk != institution.root_unit_id:
        facts = replace(facts, parent=by_key.get(institution.root_unit_id or 0, ""))
    if facts.parent and own.pk == institution.root_unit_id:
        raise Invalid(
            "unit.root-has-no-parent",
            sentence=_("%(name)s stands for the whole institution, so nothing lies above it."),
            remedy=_("Let another unit stand for the whole first."),
            field="parent",
            name=own.name,
        )
    parent = _parent(facts, known, own)
    changes = compared(stored, facts)
    changes.pop("ounit_id", None)
    if not changes:
        return own
    names = [name for name in changes if name not in _NOT_COLUMNS]
    overwrite(own, facts, names)
    own.parent = parent
    own.save(update_fields=[*names, "parent"])
    written(actor, "unit.changed", own, institution, "units", changes, now, reason)
    return own


@transaction.atomic
def expose_units(
    *,
    actor: Actor,
    institution: Institution,
    ounit_ids: Collection[str],
    exposed: bool,
    now: datetime,
    reason: str = "",
) -> int:
    """Tells partners about these units from now on, or no longer. Answers how many changed."""
    institution = locked(actor, institution)
    known = _known(institution)
    changed = 0
    for ounit_id in ounit_ids:
        unit = known.get(ounit_id)
        if unit is None:
            raise unknown_key("units", ounit_id)
        if unit.exposed == exposed:
            continue
        unit.exposed = exposed
        unit.save(update_fields=["exposed"])
        changes = {"exposed": [not exposed, exposed]}
        written(actor, "unit.changed", unit, institution, "units", changes, now, reason)
        changed += 1
    return changed


@transaction.atomic
def choose_root(
    *,
    actor: Actor,
    institution: Institution,
    unit: Unit | None,
    now: datetime,
    reason: str = "",
) -> Institution:
    """Which unit stands for the whole institution: the others form a tree below it. None: a flat list.

    Units that had nothing above them are put below the chosen one, and it is exposed, because partners that
    read a tree need its root.
    """
    institution = locked(actor, institution)
    known = {one.pk: one for one in _known(institution).values()}
    before = known.get(institution.root_unit_id or 0)
    if unit is not None and unit.pk not in known:
        raise unknown_key("root", unit.ounit_id)
    chosen = known[unit.pk] if unit is not None else None
    if before == chosen:
        return institution
    if chosen is not None:
        moved: dict[str, list[Any]] = {}
        if chosen.parent_id:
            moved["parent"] = [known[chosen.parent_id].ounit_id, ""]
        if not chosen.exposed:
            moved["exposed"] = [False, True]
        if moved:
            chosen.parent, chosen.exposed = None, True
            chosen.save(update_fields=["parent", "exposed"])
            written(actor, "unit.changed", chosen, institution, "units", moved, now, reason)
        for one in known.values():
            if one.parent_id is None and one.pk != chosen.pk:
                one.parent = chosen
                one.save(update_fields=["parent"])
                changes = {"parent": ["", chosen.ounit_id]}
                written(actor, "unit.changed", one, institution, "units", changes, now, reason)
    institution.root_unit = chosen
    institution.save(update_fields=["root_unit"])
    written(
        actor,
        "institution.changed",
        institution,
        institution,
        "units",
        {"root_unit": [str(before or ""), str(chosen or "")]},
        now,
        reason,
    )
    return institution


@transaction.atomic
def remove_unit(*, actor: Actor, unit: Unit, now: datetime, reason: str = "") -> None:
    """A unit goes that nothing refers to; its id is never given again. Refuses with `StillNeeded`."""
    institution = locked(actor, unit.institution)
    name, key = unit.name, unit.ounit_id
    written(
        actor,
        "unit.removed",
        unit,
        institution,
        "units",
        {"name": [name, ""], "ounit_id": [key, ""]},
        now,
        reason,
    )
    try:
        unit.delete()
    except ProtectedError as error:
        raise StillNeeded("unit.still-needed") from error

"""Units: the tree or list, what partners see of it, adding, editing, removing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from vaihto.institutions import actions
from vaihto.institutions.completeness import is_tree, of_units
from vaihto.institutions.facts import UnitFacts, seen
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.queries import told, unit_of
from vaihto.institutions.shapes import wrong_unit
from vaihto.refusals import Refusal, Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.institution.completing import own, panel
from vaihto.web.institution.pages import Edit, edited, name_of, sheet_page, tabs, trail
from vaihto.web.institution.sheets import AddressPiece, Layout, LinkRow, NameRow, Section, Sheet
from vaihto.web.wording import sentence_of

_INDENT = "\N{NO-BREAK SPACE}" * 4


def in_order(units: Sequence[Unit]) -> list[tuple[Unit, int]]:
    """Units with their depth, each below the one above it."""
    known = {unit.pk for unit in units}
    below: dict[int | None, list[Unit]] = {}
    for unit in units:
        below.setdefault(unit.parent_id if unit.parent_id in known else None, []).append(unit)
    found: list[tuple[Unit, int]] = []
    waiting = [(unit, 0) for unit in reversed(below.get(None, []))]
    while waiting:
        unit, depth = waiting.pop()
        found.append((unit, depth))
        waiting += [(part, depth + 1) for part in reversed(below.get(unit.pk, []))]
    return found


def _name(unit: Unit) -> str:
    return str(unit.names.get(get_language() or "en") or unit.name)


class UnitForm(forms.Form):
    """The single facts of a unit."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=60,
        help_text=gettext_lazy("For people; unique in the institution. It may change."),
    )
    abbreviation = forms.CharField(
        label=gettext_lazy("Abbreviation"), required=False, max_length=30
    )
    parent = ChoiceField(label=gettext_lazy("Lies below"), required=False)
    exposed = forms.BooleanField(
        label=gettext_lazy("Partners see this unit"),
        required=False,
        help_text=gettext_lazy("Expose the units that matter for mobility."),
    )
    logo_url = forms.CharField(
        label=gettext_lazy("Address of the logo"), required=False, max_length=500
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, data: Any = None, *, parents: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["parent"].choices = [("", _("Nothing: it is at the top")), *parents]  # type: ignore[attr-defined]


def _layout(units: Sequence[Unit], own_unit: Unit | None) -> Layout:
    parents = [
        (unit.ounit_id, _INDENT * depth + _name(unit))
        for unit, depth in in_order(units)
        if own_unit is None or unit.pk != own_unit.pk
    ]
    return Layout(
        partial(UnitForm, parents=parents),
        pieces={"street_address": AddressPiece, "mailing_address": AddressPiece},
        rows={"names": NameRow, "websites": LinkRow, "factsheet_urls": LinkRow},
    )


def _shown_as(facts: UnitFacts) -> dict[str, Any]:
    return {one.name: getattr(facts, one.name) for one in fields(facts)}


def _sections(sheet: Sheet) -> list[Section]:
    return [
        sheet.single(
            "facts", _("Facts"), "name", "code", "abbreviation", "parent", "exposed",
            seldom=("logo_url",),
        ),
        sheet.several(
            "names",
            _("Names by language"),
            word=_("Name %(number)s"),
            note=_("The English one is what partners list. Leave a row empty to remove it."),
        ),
        sheet.piece("street_address", _("Street address")),
        sheet.piece("mailing_address", _("Mailing address")),
        sheet.several("websites", _("Website by language"), word=_("Page %(number)s")),
        sheet.several(
            "factsheet_urls",
            _("Pages for incoming students"),
            word=_("Page %(number)s"),
            note=_("Only where this unit has its own."),
        ),
    ]  # fmt: skip


# The list --------------------------------------------------------------------------------------


class RootForm(forms.Form):
    """Which unit stands for the whole institution."""

    root = ChoiceField(
        label=gettext_lazy("Unit that stands for the whole institution"), required=False
    )


def units(request: Request, pk: int) -> HttpResponse:
    """All units with what partners see of them; exposing several at once; the root."""
    one = own(request, pk)
    if request.method == "POST":
        return _decided(request, one)
    return _listed(request, one)


def _listed(
    request: Request, one: Institution, *, told_root: str = "", status: int = 200
) -> HttpResponse:
    found = list(Unit.objects.filter(institution=one).order_by("code"))
    (all_told,) = told([one])
    form = RootForm(initial={"root": all_told.root}, auto_id="id_%s")
    form.fields["root"].choices = [  # type: ignore[attr-defined]
        ("", _("None: partners see a flat list")),
        *((unit.ounit_id, _name(unit)) for unit in found),
    ]
    return page(
        request,
        "institution/units.html",
        status=status,
        heading=_("Units"),
        lead=name_of(one),
        trail=trail(one),
        tabs=tabs(one, "units"),
        one=one,
        units=found,
        form=form,
        panels=[panel(of_units(all_told), one, units=found)],
        shape=_("Partners see one tree.")
        if is_tree(all_told)
        else _("Partners see a flat list.")
        if any(unit.exposed for unit in found)
        else "",
        table=components.table(
            _("Units"),
            [
                Column(label=_("Name")),
                Column(label=_("Code")),
                Column(label=_("English name")),
                Column(label=_("Partners")),
            ],
            [
                Row(
                    [
                        Cell(
                            format_html(
                                '{}<a href="{}">{}</a>',
                                _INDENT * depth,
                                reverse("institution:unit", args=[one.pk, unit.pk]),
                                _name(unit),
                            ),
                            note=_("stands for the whole institution")
                            if unit.pk == one.root_unit_id
                            else "",
                        ),
                        Cell(unit.code, nowrap=True),
                        unit.names.get("en", ""),
                        Cell(_("see it"), tone="good") if unit.exposed else _("do not see it"),
                    ],
                    key=unit.ounit_id,
                    name=_name(unit),
                )
                for unit, depth in in_order(found)
            ],
            selects="pick",
            hide_caption=True,
            selected=frozenset(request.POST.getlist("pick")),
            empty_text=_("There are no units yet."),
        ),
    )


def _decided(request: Request, one: Institution) -> HttpResponse:
    deed = request.POST.get("deed", "")
    try:
        if deed == "root":
            wanted = request.POST.get("root", "")
            unit = Unit.objects.filter(institution=one, ounit_id=wanted).first() if wanted else None
            if wanted and unit is None:
                raise Unknown("unit.unknown")
            actions.choose_root(actor=request.actor, institution=one, unit=unit, now=request.now)
            messages.success(
                request,
                _("The units form a tree below %(name)s.") % {"name": _name(unit)}
                if unit
                else _("The units are a flat list."),
            )
        elif deed in {"expose", "hide"}:
            picked = request.POST.getlist("pick")[:1000]
            changed = actions.expose_units(
                actor=request.actor,
                institution=one,
                ounit_ids=picked,
                exposed=deed == "expose",
                now=request.now,
            )
            if not picked:
                messages.warning(request, _("Select the units first."))
            else:
                messages.success(
                    request,
                    ngettext("%(count)d unit changed.", "%(count)d units changed.", changed)
                    % {"count": changed},
                )
        else:
            messages.warning(request, _("Choose what is to be done."))
    except Refusal as refusal:
        messages.error(request, sentence_of(refusal).sentence)
    return HttpResponseRedirect(reverse("institution:units", args=[one.pk]))


# One unit --------------------------------------------------------------------------------------


def add_unit(request: Request, pk: int) -> HttpResponse:
    """A new unit."""
    one = own(request, pk)
    return _edited(request, one, None)


def unit(request: Request, pk: int, unit_pk: int) -> HttpResponse:
    """A unit as it is, to be changed."""
    one = own(request, pk)
    return _edited(request, one, _unit(one, unit_pk))


def _unit(one: Institution, unit_pk: int) -> Unit:
    found = Unit.objects.filter(institution=one, pk=unit_pk).first()
    if found is None:
        raise Unknown("unit.unknown")
    return found


def _stored(unit: Unit | None, all_units: Sequence[Unit], one: Institution) -> UnitFacts:
    ids = {each.pk: each.ounit_id for each in all_units}
    if unit is None:
        return UnitFacts(code="", name="", parent=ids.get(one.root_unit_id or 0, ""), exposed=True)
    return unit_of(unit, parent=ids.get(unit.parent_id or 0, ""))


def _edited(request: Request, one: Institution, unit: Unit | None) -> HttpResponse:
    all_units = list(Unit.objects.filter(institution=one).order_by("code"))
    stored = _stored(unit, all_units, one)
    done = edited(
        request,
        Edit(
            layout=_layout(all_units, unit),
            stored=stored,
            mark=seen(stored),
            show=_shown_as,
            read=lambda given: UnitFacts(ounit_id=stored.ounit_id, **given),
            wrong=wrong_unit,
            save=partial(_save, request, one, unit),
            page=partial(_shown, request, one, unit),
        ),
    )
    if isinstance(done, HttpResponse):
        return done
    messages.success(request, _("The unit is saved."))
    return HttpResponseRedirect(reverse("institution:units", args=[one.pk]))


def _save(
    request: Request, one: Institution, unit: Unit | None, facts: UnitFacts, mark: str
) -> None:
    if unit is None:
        actions.add_unit(actor=request.actor, institution=one, facts=facts, now=request.now)
        return
    actions.edit_unit(actor=request.actor, unit=unit, facts=facts, now=request.now, expected=mark)


def _shown(
    request: Request, one: Institution, unit: Unit | None, sheet: Sheet, **more: Any
) -> HttpResponse:
    back = reverse("institution:units", args=[one.pk])
    return sheet_page(
        request,
        one,
        sheet,
        _sections(sheet),
        heading=_name(unit) if unit is not None else _("Add a unit"),
        lead=_("Partners know it by %(identifier)s, which never changes.")
        % {"identifier": unit.ounit_id}
        if unit is not None
        else "",
        current="units",
        trail_more=[(_("Units"), back)],
        back=back,
        remove=reverse("institution:remove-unit", args=[one.pk, unit.pk])
        if unit is not None
        else "",
        **more,
    )


def remove_unit(request: Request, pk: int, unit_pk: int) -> HttpResponse:
    """A unit goes that nothing refers to."""
    one = own(request, pk)
    unit = _unit(one, unit_pk)
    back = reverse("institution:unit", args=[one.pk, unit.pk])
    refused, status = None, 200
    if request.method == "POST":
        try:
            actions.remove_unit(actor=request.actor, unit=unit, now=request.now)
        except Refusal as refusal:
            said = sentence_of(refusal)
            refused = components.notice(said.remedy, tone="bad", title=said.sentence)
            status = 409
        else:
            messages.success(request, _("The unit is removed."))
            return HttpResponseRedirect(reverse("institution:units", args=[one.pk]))
    return page(
        request,
        "web/confirm.html",
        status=status,
        heading=_("Remove %(name)s") % {"name": _name(unit)},
        trail=trail(one, (_("Units"), reverse("institution:units", args=[one.pk]))),
        sentence=_("The unit is removed, with its contacts."),
        consequences=[
            _("Its identifier is never given to another unit."),
            _("A unit that records refer to cannot be removed; it can be hidden from partners."),
        ],
        details=refused or "",
        deed=_("Remove the unit"),
        danger=True,
        back=back,
    )

"""Writing the text of an alliance: conditions without partners, each from certain members or all, to certain or all.

The rows are those of an agreement's form; a line stands there as a condition from the first member to the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.agreements import actions
from vaihto.agreements.alliances import Line, participants, read_lines
from vaihto.agreements.checks import check
from vaihto.agreements.models import AllianceAgreement, AllianceText
from vaihto.agreements.terms import ORDER, Terms
from vaihto.agreements.words import KINDS
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal, Stale
from vaihto.web import components
from vaihto.web.agreements.conditions import (
    Around,
    ConditionForm,
    Row,
    Shown,
    clean_text,
    fields_of_study,
    put,
    rearranged,
    row_of,
    sent,
    shown,
    terms_of,
)
from vaihto.web.alliance.overview import may_edit
from vaihto.web.alliance.texts import address, open_text, trail, whole_of
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import sentence_of

_SIDES = ("senders", "receivers")


class LineForm(ConditionForm):
    """A line of a text: a condition without partners and units, and from whom to whom it holds."""

    senders = forms.MultipleChoiceField(
        label=gettext_lazy("Only these send"), required=False, widget=forms.CheckboxSelectMultiple
    )
    receivers = forms.MultipleChoiceField(
        label=gettext_lazy("Only these receive"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, row: Row, *, around: Members, **kwargs: Any) -> None:
        super().__init__(row, around=around, **kwargs)
        del self.fields["direction"]
        for name in _SIDES:
            # Who no longer takes part is still named until the text is changed.
            known = {one.hei_id: name_of(one) for one in around.members}
            choices = [*known.items(), *((one, one) for one in row[name] if one not in known)]
            self.fields[name].choices = choices  # type: ignore[attr-defined]


@dataclass
class Members(Around):
    """What the forms of all lines share: the members, for any two of which a line may hold."""

    members: Sequence[Institution] = ()

    @classmethod
    def all_of(cls, members: Sequence[Institution]) -> Members:
        """The surroundings of a text over these members; there are two at least."""
        return cls(members[0], members[1], members=members)

    def form(self, row: Row, prefix: str) -> LineForm:
        """The form of one line."""
        return LineForm(row, around=self, prefix=prefix)

    def units(self, of: Institution, chosen: str) -> list[tuple[str, str]]:
        """A text knows no units."""
        return [("", "")]

    def terms(self, lines: Sequence[Line]) -> Terms:
        """Lines as conditions from the first member to the second, in their order."""
        return Terms(
            tuple(
                replace(line.condition, sending=self.ours.hei_id, receiving=self.partner.hei_id)
                for line in lines
            )
        )

    def rows(self, lines: Sequence[Line]) -> list[Row]:
        """Lines as rows of the form."""
        return [
            {
                **row_of(condition, self.ours.hei_id, self.partner.hei_id, place),
                "senders": list(line.senders),
                "receivers": list(line.receivers),
            }
            for place, (condition, line) in enumerate(
                zip(self.terms(lines).conditions, lines, strict=True)
            )
        ]

    def lines(self, rows: Sequence[Row], before: Sequence[Line]) -> list[Line]:
        """What the rows say; `before` are the lines they were made of."""
        said = terms_of(rows, self.terms(before), self.ours.hei_id, self.partner.hei_id)
        return [
            Line(
                replace(condition, sending="", receiving=""),
                tuple(row["senders"]),
                tuple(row["receivers"]),
            )
            for condition, row in zip(said.conditions, rows, strict=True)
        ]


def _sent(data: QueryDict) -> list[Row]:
    """The rows as they were sent, with who sends and receives."""
    rows = sent(data)
    for place, row in enumerate(rows):
        row["direction"] = "out"
        for name in _SIDES:
            row[name] = data.getlist(f"c{place}-{name}")
    return rows


def _whole_rows(rows: list[Row]) -> list[Row]:
    """A row that a button added holds between all members."""
    return [{**row, "direction": "out", **{n: row.get(n, []) for n in _SIDES}} for row in rows]


def _base(whole: AllianceAgreement) -> AllianceText | None:
    """What one writes on: the draft, else the text that counts, else the newest there was."""
    return (
        open_text(whole)
        or whole.texts.filter(adopted_at__isnull=False).order_by("-number").first()
        or whole.texts.order_by("-number").first()
    )


def write(request: Request, code: str, pk: int) -> HttpResponse:
    """The draft of the next text, one box a line."""
    whole = whole_of(request, code, pk)
    if not may_edit(request.actor, whole.alliance):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    talked = open_text(whole)
    if whole.closed_at or (talked and talked.put_at):
        messages.info(
            request,
            _("This agreed text is closed.")
            if whole.closed_at
            else _("The text is before the members. Take it back to change it."),
        )
        return HttpResponseRedirect(address(whole))
    around = Members.all_of(participants(whole, on=request.today))
    base = _base(whole)
    before = read_lines(base.lines) if base else ()
    if request.method != "POST":
        rows = around.rows(before)
        look = "check" in request.GET
        return _page(request, whole, around, rows, base, look=look)
    if (number := request.POST.get("base", "")) and base and number != str(base.number):
        then = whole.texts.filter(number=number).first() if number.isdecimal() else None
        before = read_lines(then.lines) if then else ()
    rows = _sent(request.POST)
    if wanted := request.POST.get("do", ""):
        rows, at = rearranged(rows, wanted, request.POST)
        return _page(request, whole, around, _whole_rows(rows), base, at=at)
    return _saved(request, whole, around, rows, before, base)


def _saved(
    request: Request,
    whole: AllianceAgreement,
    around: Members,
    rows: list[Row],
    before: Sequence[Line],
    base: AllianceText | None,
) -> HttpResponse:
    boxes = shown(rows, around)
    valid = [form.is_valid() for each in boxes for form in each.forms]
    if not all(valid):
        return _page(request, whole, around, rows, base, boxes=boxes, status=400)
    lines = around.lines(rows, before)
    number = request.POST.get("base", "")
    try:
        actions.write_text(
            actor=request.actor,
            agreement=whole,
            lines=lines,
            note=clean_text(request.POST.get("note", "")[:5000]),
            seen=int(number) if number.isdecimal() and len(number) < 9 else None,
            now=request.now,
        )
        if request.POST.get("then") == "put":
            actions.put_text(actor=request.actor, agreement=whole, now=request.now)
    except actions.NotReady:
        base = _base(whole)
        saved = components.notice(
            _("The draft is saved. It can be put to the members once these points are mended."),
            tone="info",
        )
        rows = around.rows(lines)
        return _page(request, whole, around, rows, base, look=True, notice=saved, status=400)
    except Stale as refusal:
        told = sentence_of(refusal)
        stale = components.notice(
            _("Your values are still below. Saving again makes them the present ones."),
            tone="warn",
            title=told.sentence,
        )
        return _page(request, whole, around, rows, _base(whole), notice=stale, status=409)
    except Refusal as refusal:
        told = sentence_of(refusal)
        bad = components.notice(told.remedy, tone="bad", title=told.sentence)
        return _page(request, whole, around, rows, base, notice=bad, status=409)
    messages.success(
        request,
        _("The text is before the members.")
        if request.POST.get("then") == "put"
        else _("The draft is saved."),
    )
    return HttpResponseRedirect(address(whole))


def _page(
    request: Request,
    whole: AllianceAgreement,
    around: Members,
    rows: list[Row],
    base: AllianceText | None,
    *,
    boxes: list[Shown] | None = None,
    look: bool = False,
    at: int | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    made = boxes if boxes is not None else shown(rows, around)
    general: list[str] = []
    if look:
        lines = around.lines(rows, read_lines(base.lines) if base else ())
        parties = frozenset({around.ours.hei_id, around.partner.hei_id})
        general = put(check(around.terms(lines), parties=parties), made)
        general += [
            _("Nothing of the text holds between %(members)s.") % {"members": value}
            for code, _place, _field, value in actions.faults(lines, around.members)
            if code == "nothing-between"
        ]
    everything = [form for each in made for form in each.forms] if look or boxes else []
    draft = open_text(whole)
    return page(
        request,
        "alliance/write.html",
        status=status,
        heading=_("Text of “%(name)s”") % {"name": whole.name},
        lead=_("Each condition holds in both directions between any two members, unless it names who "
               "sends or receives."),
        trail=trail(whole),
        notice=notice,
        general=general,
        conditions=made,
        all_forms=everything,
        advice=[(each, line) for each in made for line in each.advice],
        base=base.number if base else "",
        fields_of_study=fields_of_study() if made else [],
        kinds=[(kind.value, _(KINDS[kind])) for kind in ORDER],
        at=at,
        note=request.POST.get("note", draft.note if draft else ""),
        back=address(whole),
    )  # fmt: skip

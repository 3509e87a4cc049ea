"""An agreement as a PDF: the content of the official form, with both approvals; accessible (PDF/UA).

Source of the clauses: the Commission's agreement template 2021 to 2029 (reference, section 9.3), in our own words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typst
from django.utils import formats, translation
from django.utils.translation import gettext

from vaihto.agreements import words
from vaihto.agreements.models import Agreement, Approval, Pair, Programme, Revision
from vaihto.agreements.terms import ORDER, Condition, Copy
from vaihto.institutions.models import Institution
from vaihto.wording import mark as _

General = tuple[str, str, str]

_TEMPLATE = Path(__file__).with_suffix(".typ")

_CLAUSES: tuple[str, ...] = (
    _(
        "Numbers for a coming academic year are changed by the end of January before it, with the "
        "consent of both partners."
    ),
    _(
        "Either partner may end the agreement by giving notice of at least one academic year: notice "
        "given by 1 September takes effect on 1 September of the next year. What was agreed for "
        "persons already selected is kept."
    ),
    _(
        "Neither the European Commission nor the national agencies can be held responsible in case "
        "of a conflict."
    ),
    _("Decisions on applications are made within five weeks."),
    _(
        "Transcripts of records are normally sent within five weeks after the assessment period of "
        "the receiving institution."
    ),
)


def names_of(agreement: Agreement) -> dict[str, str]:
    """Names of both institutions by hei id, and of our units by their ids."""
    names = {one.hei_id: one.name for one in (agreement.institution, agreement.partner)}
    for institution in (agreement.institution, agreement.partner):
        names |= dict(institution.units.values_list("ounit_id", "name"))
    return names


def _rows(condition: Condition, names: Mapping[str, str]) -> list[dict[str, str]]:
    rows = [
        {"label": gettext(words.FIELDS[field]), "value": words.value(field, said, names)}
        for field in (
            "sending_unit",
            "receiving_unit",
            "people",
            "months",
            "days",
            "areas",
            "levels",
            "skills",
            "blended",
            "other_terms",
        )
        if (said := getattr(condition, field)) not in (None, "", ())
    ]
    return [{"label": gettext("Academic years"), "value": words.years(condition)}, *rows]


def _groups(copy: Copy, names: Mapping[str, str]) -> list[dict[str, Any]]:
    groups = []
    for kind in ORDER:
        conditions = [one for one in copy.terms.conditions if one.kind is kind]
        if conditions:
            groups.append(
                {
                    "title": gettext(words.KINDS[kind]),
                    "conditions": [
                        {
                            "title": f"{names.get(one.sending, one.sending)} → "
                            f"{names.get(one.receiving, one.receiving)}",
                            "rows": _rows(one, names),
                        }
                        for one in conditions
                    ],
                }
            )
    return groups


def _approval(one: Approval, of: Institution) -> dict[str, str]:
    # The network says which institution approved, not who.
    institution, who = of.name, "" if one.by == of.hei_id else one.by
    by = f"{who} ({one.mandate})" if who and one.mandate else who or one.mandate or institution
    # The hash is broken into two lines so that it fits; nobody reads it, machines compare it.
    return {
        "institution": institution,
        "by": by,
        "at": formats.date_format(one.at, "SHORT_DATE_FORMAT"),
        "hash": f"{one.digest[:32]}\n{one.digest[32:]}",
    }


def _notice(agreement: Agreement, revision: Revision, pair: Pair | None) -> str:
    if pair is None:
        return gettext(
            "This is a proposal. It is not in force until both partners have approved it."
        )
    if pair.terminates:
        return gettext("Both partners have ended this agreement as a whole.")
    if revision.digest != pair.ours.digest:
        return gettext("A change is under way. What is in force is printed separately.")
    return ""


def _partner_copy(agreement: Agreement, of: Pair | None) -> Copy | None:
    """The partner's copy beside ours: of the pair, else the one it serves now."""
    if of is not None:
        return of.theirs.copy
    received = agreement.received_copy
    return received.current.copy if received and received.current else None


def _contact_row(agreement: Agreement, copy: Copy, theirs: Copy | None) -> list[dict[str, Any]]:
    def names(index: int) -> str:
        party = (copy.author, theirs.author if theirs else copy.other)[index]
        people = [*([party.signing_contact] if party.signing_contact else []), *party.contacts]
        return "\n".join(
            ", ".join(filter(None, (one.name, *one.emails))) for one in people if one.name
        )

    sides = (agreement.institution, agreement.partner)
    rows: list[tuple[str, list[str]]] = [
        (gettext("Identifier"), [one.hei_id for one in sides]),
        (gettext("Erasmus code"), [one.erasmus_code for one in sides]),
        (
            gettext("Country"),
            [one.country_name(translation.get_language() or "en") for one in sides],
        ),
        (gettext("Agreement code"), [agreement.code, agreement.partner_code]),
        (gettext("Contacts"), [names(0), names(1)]),
    ]
    return [{"label": label, "values": values} for label, values in rows if any(values)]


def content(
    agreement: Agreement, *, of: Pair | None, language: str, general: Sequence[General] = ()
) -> dict[str, Any]:
    """What the paper says: of the pair in force, or of what we serve now when `of` is None.

    `general` are lines of the half of the form that nobody approves: label, ours, the partner's.
    """
    revision = of.ours if of else agreement.current
    if revision is None:
        raise ValueError("an agreement without a copy has no paper")
    with translation.override(language):
        copy, names = revision.copy, names_of(agreement)
        partner, own = agreement.partner.name, agreement.institution.name
        return {
            "language": language,
            "title": gettext("Inter-institutional agreement"),
            "subtitle": f"{own} – {partner}. {gettext(Programme(agreement.programme).label)}",
            "institution": own,
            # The day the text became what it is, not the moment of printing: the same text is the same file.
            "day": (of.at if of else revision.made_at).date().isoformat(),
            "code": agreement.code,
            "notice": _notice(agreement, revision, of),
            "parties": [{"name": own}, {"name": partner}],
            "party_rows": _contact_row(agreement, copy, _partner_copy(agreement, of)),
            "groups": _groups(copy, names),
            "general": [{"label": label, "values": said} for label, *said in general],
            "clauses": [gettext(one) for one in _CLAUSES],
            # We approve the partner's copy, and the partner ours.
            "approvals": [
                _approval(of.given, agreement.institution),
                _approval(of.taken, agreement.partner),
            ]
            if of
            else [],
            "words": {
                "page": gettext("Page"),
                "parties": gettext("Partners"),
                "field": gettext("Condition"),
                "agreed": gettext("Agreed"),
                "general": gettext("General information"),
                "general_note": gettext(
                    "As the institutions tell it at present; it may change at any time and needs no approval."
                ),
                "clauses": gettext("Common provisions"),
                "approvals": gettext("Approvals"),
                "no_approvals": gettext("Nobody has approved this text yet."),
                "approval_heads": [
                    gettext("Institution"),
                    gettext("Approved by"),
                    gettext("Day"),
                    gettext("Hash of the approved copy"),
                ],
            },
        }


def pdf(
    agreement: Agreement,
    *,
    of: Pair | None = None,
    language: str = "en",
    general: Sequence[General] = (),
) -> bytes:
    """The agreement as a PDF in one of our languages; the same content gives the same pages."""
    made_of = content(agreement, of=of, language=language, general=general)
    said = json.dumps(made_of, ensure_ascii=False)
    made = typst.compile(
        _TEMPLATE, format="pdf", sys_inputs={"agreement": said}, pdf_standards=["ua-1"]
    )
    if not isinstance(made, bytes):
        raise TypeError("one document was expected")
    return made

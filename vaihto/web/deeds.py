"""What the journal's verbs and field names are called for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from vaihto.journal.models import Entry
from vaihto.web.components import Change, Event, Tone

VERBS: dict[str, Any] = {
    "account.opened": _("Account opened"),
    "account.language": _("Language chosen"),
    "account.password": _("Password changed"),
    "role.given": _("Role given"),
    "role.ended": _("Role ended"),
    "institution.created": _("Institution entered"),
    "institution.changed": _("Institution changed"),
    "institution.chose": _("Choice of the institution made"),
    "institution.declared": _("Declared what is held here"),
    "unit.created": _("Unit entered"),
    "unit.changed": _("Unit changed"),
    "unit.removed": _("Unit removed"),
    "contact.created": _("Contact entered"),
    "contact.changed": _("Contact changed"),
    "contact.removed": _("Contact removed"),
    "factsheet.created": _("Factsheet begun"),
    "factsheet.changed": _("Factsheet changed"),
    "opportunity.created": _("Entry of the catalogue made"),
    "opportunity.changed": _("Entry of the catalogue changed"),
    "opportunity.exposed": _("Shown to partners"),
    "opportunity.hidden": _("Hidden from partners"),
    "opportunity.withdrawn": _("Withdrawn from the catalogue"),
    "opportunity.brought-back": _("Brought back into the catalogue"),
    "opportunity.part-added": _("Part added"),
    "opportunity.part-removed": _("Part removed"),
    "realisation.created": _("Realisation entered"),
    "realisation.changed": _("Realisation changed"),
    "realisation.removed": _("Realisation removed"),
    "headcount.created": _("Headcount entered"),
    "headcount.changed": _("Headcount changed"),
    "person.created": _("Person entered"),
    "person.changed": _("Person changed"),
    "student.created": _("Student entered"),
    "student.changed": _("Student changed"),
    "employment.created": _("Employment entered"),
    "employment.changed": _("Employment changed"),
    "study-right.created": _("Study right entered"),
    "study-right.changed": _("Study right changed"),
    "study-right.double-degree-given-up": _("Double degree given up"),
    "mobility.created": _("Mobility entered"),
    "mobility.changed": _("Mobility changed"),
    "mobility.side-parted": _("Parted from the partner's statement"),
    "mobility.stated-by-partner": _("Stated by the partner too"),
    "mobility.cancelled": _("Mobility cancelled"),
    "mobility.send-anyway": _("Sending to VIRTA decided"),
    "mobility.purge-refused": _("Deleting refused"),
    "visit.created": _("Staff visit entered"),
    "visit.changed": _("Staff visit changed"),
    "term-enrolment.created": _("Term enrolment brought in"),
    "term-enrolment.changed": _("Term enrolment changed"),
    "membership.created": _("Membership entered"),
    "membership.changed": _("Membership changed"),
    "keys.rotated": _("Keys rotated"),
    "ewp.key-created": _("EWP key made"),
    "ewp.key-withdrawn": _("EWP key withdrawn"),
    "ewp.key-hurried": _("New EWP key signs at once"),
    "agreements.create": _("Draft made"),
    "agreements.edit": _("Our copy changed"),
    "agreements.edit-particulars": _("Contacts or signing data changed"),
    "agreements.propose": _("Proposed to the partner"),
    "agreements.propose-again": _("Our copy proposed again"),
    "agreements.receive": _("The partner's copy came"),
    "agreements.receive-bad": _("A copy of the partner came that cannot be used"),
    "agreements.map": _("The copies name each other"),
    "agreements.take-in": _("Proposal of the partner taken in"),
    "agreements.unlink": _("The partner's copy unlinked"),
    "agreements.ignore": _("Proposal set aside"),
    "agreements.look-again": _("Proposal brought back"),
    "agreements.approve": _("We approved the partner's copy"),
    "agreements.withdraw-approval": _("Our approval taken back"),
    "agreements.receive-approval": _("The partner told what it approves"),
    "agreements.revert": _("Our copy back to what is in force"),
    "agreements.terminate": _("Our copy marked as ended"),
    "agreements.delete": _("Agreement deleted"),
    "agreements.partner-deleted": _("The partner took its copy back"),
    "agreements.miss-copy-in-force": _("The partner's copy is gone although in force"),
    "agreements.remark": _("Note written"),
    "agreements.attach": _("Paper kept"),
    "channels.choose": _("Channel chosen"),
    "channels.invite": _("Guest invited"),
    "channels.renew-link": _("Link of a guest renewed"),
    "channels.withdraw-link": _("Link of a guest withdrawn"),
    "channels.pass-on": _("Guest passed the matter on"),
    "channels.give-up-link": _("Guest gave its link up"),
    "channels.allow-passing-on": _("Guest may pass the matter on"),
    "channels.forbid-passing-on": _("Guest may not pass the matter on"),
    "channels.bring-signed": _("Signed paper of the partner brought"),
    "channels.confirm-signed": _("Signed paper confirmed as approval"),
    "channels.refuse-signed": _("Signed paper refused"),
    "channels.bring-file": _("Agreements brought in from a file"),
    "agreements.supersede-copy": _("The partner's copy has another id now"),
    "view.kept": _("View of a list kept"),
    "view.forgotten": _("View of a list forgotten"),
    "exported to VIRTA": _("File for VIRTA made"),
    "recorded the delivery": _("Delivery recorded"),
    "attainment.created": _("Attainment entered"),
    "attainment.changed": _("Attainment changed"),
}

FIELDS: dict[str, Any] = {
    "key": _("Key"),
    "titles": _("Titles"),
    "descriptions": _("Descriptions"),
    "isced_code": _("Field of study"),
    "subject_area": _("Erasmus subject code"),
    "eqf_level": _("Level (EQF)"),
    "addresses": _("Pages about it"),
    "part_of": _("Part of"),
    "parts": _("Parts"),
    "academic_year": _("Academic year"),
    "term_number": _("Which term"),
    "term_count": _("Terms in the year"),
    "term_names": _("Name of the term"),
    "term_start": _("First day of the term"),
    "term_end": _("Last day of the term"),
    "grading_labels": _("Grading scheme"),
    "results": _("Results of earlier participants"),
    "engagement_hours": _("Hours of work"),
    "fingerprint": _("Fingerprint"),
    "signs_from": _("Signs from"),
    "withdrawn_at": _("Withdrawn"),
    "direction": _("Direction"),
    "purpose": _("Purpose"),
    "programme": _("Programme"),
    "action": _("Action"),
    "call_year": _("Call year"),
    "funding": _("Funding"),
    "partner": _("Partner"),
    "partner_country": _("Partner country"),
    "host_organisation": _("Host organisation"),
    "part_of_degree": _("Part of the degree"),
    "planned_blended": _("Planned as blended"),
    "agreed_as_one_whole": _("Agreed as one whole"),
    "change_reason": _("Reason of the change"),
    "end_is_estimate": _("The end is an estimate"),
    "planned_credits": _("Planned credits"),
    "state": _("State"),
    "right_key": _("Study right"),
    "student_key": _("Student"),
    "level": _("Level"),
    "home_degree_abroad": _("Degree right at a foreign home"),
    "adult_education": _("Adult education"),
    "nested_in": _("Made during"),
    "unit": _("Unit"),
    "segments": _("Segments"),
    "send_anyway": _("Sent all the same"),
    "start": _("First day"),
    "end": _("Last day"),
    "family_name": _("Family name"),
    "given_names": _("Given names"),
    "gender": _("Gender"),
    "citizenships": _("Citizenships"),
    "birth_date": _("Date of birth"),
    "email": _("E-mail"),
    "learner_number": _("National learner number"),
    "identity_code": _("Identity code"),
    "esis": _("European student identifiers"),
    "language": _("Language"),
    "type": _("Type"),
    "states": _("States"),
    "spells": _("Spells"),
    "primacies": _("Primacy"),
    "role": _("Role"),
    "until": _("Until"),
    "name": _("Name"),
    "country": _("Country"),
    "holds_everything": _("Holds everything"),
    "bip_id": _("Blended intensive programme"),
    "kept_aside": _("Kept aside"),
    "content": _("Content"),
    "hours": _("Hours"),
    "teaching_hours": _("Teaching hours"),
    "started_at": _("Began at"),
    "ended_at": _("Ended at"),
    "credits": _("Credits"),
    "completed_on": _("Completed on"),
    "recognised_on": _("Recognised on"),
    "password": _("Password"),
    "is_operator": _("Operator"),
    "count": _("Count"),
    "force_majeure": _("Force majeure"),
    "names": _("Names"),
    "city": _("City"),
    "abbreviation": _("Abbreviation"),
    "previous_hei_ids": _("Former identifiers"),
    "erasmus_code": _("Erasmus code"),
    "erasmus_charter": _("Erasmus charter"),
    "pic": _("PIC"),
    "oid": _("OID"),
    "ror": _("ROR"),
    "street_address": _("Street address"),
    "mailing_address": _("Mailing address"),
    "website": _("Website"),
    "websites": _("Website by language"),
    "logo_url": _("Logo"),
    "factsheet_urls": _("Pages for incoming students"),
    "catalogue_urls": _("Course catalogue"),
    "root_unit": _("Unit that stands for the whole institution"),
    "code": _("Code"),
    "ounit_id": _("Identifier"),
    "parent": _("Lies below"),
    "exposed": _("Partners see it"),
    "place": _("Place in the order"),
    "phones": _("Telephones"),
    "faxes": _("Fax numbers"),
    "emails": _("E-mail addresses"),
    "roles": _("When to use this contact"),
    "nominations_autumn": _("Nominations for autumn until"),
    "nominations_spring": _("Nominations for spring until"),
    "applications_autumn": _("Applications for autumn until"),
    "applications_spring": _("Applications for spring until"),
    "application": _("Applications"),
    "housing": _("Housing"),
    "visa": _("Visa and residence permit"),
    "insurance": _("Insurance"),
    "requirements": _("What applicants must hand in or know"),
    "decision_weeks": _("Weeks until applications are decided"),
    "transcript_weeks": _("Weeks until transcripts are sent"),
    "accessibility": _("Accessibility"),
    "more": _("Further information"),
}
_TONES: dict[str, Tone] = {
    "cancelled": "bad",
    "purge-refused": "warn",
    "created": "good",
    "changed": "info",
    "opened": "good",
    "given": "good",
    "ended": "warn",
}


def deed(verb: str) -> str:
    """A verb of the journal in words; one without words as it is written."""
    return str(VERBS.get(verb, verb))


def field_word(name: str) -> str:
    """A field in words; one without words with its underscores opened."""
    return str(FIELDS.get(name) or name.replace("_", " "))


def in_words(value: Any) -> Any:
    """A changed value as people read it: what has parts as its parts one after the other."""
    if isinstance(value, Mapping):
        parts = (in_words(part) for part in value.values())
        return ", ".join(str(part) for part in parts if part)
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return "; ".join(str(in_words(each)) for each in value)
    return value


def changes_of(changes: Mapping[str, Any]) -> list[Change]:
    """What an entry says was changed; sensitive fields have no values and are named only."""
    return [
        Change(
            field_word(name),
            *(map(in_words, pair) if isinstance(pair, list) and len(pair) == 2 else ("", "")),
        )
        for name, pair in changes.items()
    ]


def events(entries: Iterable[Entry], *, short: bool = False) -> list[Event]:
    """Entries of the journal as a timeline; `short` leaves out the changed values."""
    return [
        Event(
            at=one.at,
            title=deed(one.verb),
            text=one.reason,
            by=f"{one.actor_label} ({one.behalf_of})" if one.behalf_of else one.actor_label,
            tone=_TONES.get(one.verb.rpartition(".")[2], "plain"),
            changes=() if short else changes_of(one.changes),
        )
        for one in entries
    ]

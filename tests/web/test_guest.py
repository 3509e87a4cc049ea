"""A partner without EWP, by HTTP alone: our office in one browser, the guest in another."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.agreements.two import both_ways
from tests.cast import Cast, account, institution, role
from tests.web.conftest import AsSomebody
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement, Approval, ReceivedCopy
from vaihto.agreements.serving import binding_terms, standing
from vaihto.agreements.standing import State
from vaihto.channels import guest, letters
from vaihto.channels.models import GuestLink, Letter
from vaihto.institutions.models import Institution
from vaihto.people.models import Role

pytestmark = pytest.mark.mail

PARTNER = "nowhere.example"
ADDRESS = "pia@nowhere.example"


class Desk:
    """Our office and a guest, each with a browser."""

    def __init__(self, cast: Cast, signed_in: AsSomebody) -> None:
        self.cast = cast
        self.ours = cast.sending.hei_id
        self.partner: Institution = institution(PARTNER, name="University of Nowhere", hosted=False)
        manager, signatory = account("manager"), account("signatory")
        role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
        for name in (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY):
            role(signatory, name, cast.sending)
        self.manager, self.signatory = signed_in(manager), signed_in(signatory)
        self.actor = cast.actor(manager, today=timezone.localdate())
        self.guest = Client()
        self.pk = actions.create(
            actor=self.actor,
            institution=cast.sending,
            partner=self.partner,
            terms=both_ways(self.ours, PARTNER),
            now=timezone.now(),
        ).pk
        self.secret = ""

    def look(self) -> Agreement:
        return Agreement.objects.get(pk=self.pk)

    def state(self) -> State:
        return standing(self.look()).state

    def propose(self) -> None:
        answer = self.manager.post(reverse("agreements:deed", args=[self.pk, "propose"]))
        assert answer.status_code == 302
        assert self.look().shared_at is not None

    def invite(self, **facts: Any) -> Any:
        said = {
            "name": "Pia",
            "address": ADDRESS,
            "language": "en",
            "days": 30,
            "may_pass_on": "on",
        }
        return self.manager.post(reverse("without-ewp:links", args=[self.pk]), {**said, **facts})

    def invitation(self) -> str:
        return self.manager.get(reverse("without-ewp:links", args=[self.pk])).content.decode()

    def post(self) -> str:
        """Letters go out; answers the newest one's text."""
        Letter.objects.filter(ended_at__isnull=True).update(due_at=timezone.now())
        before = len(mail.outbox)
        letters.send_due(now=timezone.now() + timedelta(seconds=1))
        return str(mail.outbox[-1].body) if len(mail.outbox) > before else ""

    def come_in(self) -> None:
        self.propose()
        self.invite()
        found = re.search(r"/g/([A-Za-z0-9_-]{43})\b", self.post())
        assert found is not None
        self.secret = found.group(1)
        answer = self.guest.post(f"/g/{self.secret}", {"address": ADDRESS})
        assert answer.headers["Location"] == f"/g/{self.secret}/agreement"

    def page(self, name: str = "agreement") -> str:
        answer = self.guest.get(f"/g/{self.secret}/{name}")
        assert answer.status_code == 200, answer.content
        return answer.content.decode()

    def send(self, name: str, data: dict[str, Any]) -> Any:
        return self.guest.post(f"/g/{self.secret}/{name}", data)

    def hidden(self, name: str) -> dict[str, Any]:
        """Everything that the form of a page would send as it stands."""
        return form_of(self.page(name))

    def approve(self, **changed: Any) -> Any:
        said = {**self.hidden("approve"), "function": "Vice-Rector", "sure": "on", **changed}
        return self.send("approve", said)

    def we_approve(self) -> None:
        page = self.signatory.get(reverse("agreements:approve", args=[self.pk])).content.decode()
        answer = self.signatory.post(
            reverse("agreements:approve", args=[self.pk]),
            {**form_of(page), "mandate": "Rector", "read": "on"},
        )
        assert answer.status_code == 302, answer.content


def form_of(page: str) -> dict[str, str]:
    """Names and values of the last form of a page, as a browser would send them untouched."""
    form = page[page.rindex("<form") :]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        facts = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if facts.get("type") in {"checkbox", "radio"} and " checked" not in tag:
            continue
        if "name" in facts:
            found[facts["name"]] = facts.get("value", "")
    for name, inner in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)<', form):
        found[name] = inner.strip()
    for name, inner in re.findall(
        r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', inner)
        first = re.search(r'value="([^"]*)"', inner)
        found[name] = chosen.group(1) if chosen else first.group(1) if first else ""
    return found


@pytest.fixture
def desk(cast: Cast, signed_in: AsSomebody) -> Desk:
    return Desk(cast, signed_in)


@pytest.fixture
def inside(desk: Desk) -> Desk:
    desk.come_in()
    return desk


def test_the_whole_journey_from_a_draft_to_the_end(desk: Desk) -> None:
    desk.come_in()
    # The guest reads, comments, and asks for more.
    assert "2 students a year" in desk.page()
    assert desk.send("comment", {"text": "We would like five."}).status_code == 302
    form = desk.hidden("propose")
    form |= {"c0-people": "5", "c1-people": "5", "note": "Five of each?"}
    form |= {"c0-levels": ["6", "7"], "c1-levels": ["6", "7"]}
    assert desk.send("propose", form).status_code == 302
    said = ReceivedCopy.objects.get().current
    assert said is not None
    copy = said.copy
    assert copy is not None
    assert {one.people for one in copy.terms.conditions} == {"5"}
    assert copy.terms.conditions[0].areas == desk.look().terms.conditions[0].areas
    assert "Changes proposed by you" in desk.page()
    assert re.search(r"Your version:\s*<strong>5</strong>", desk.page())
    # The office reads it and takes it over.
    page = desk.manager.get(reverse("agreements:agreement", args=[desk.pk])).content.decode()
    assert "Five of each?" in page
    seen = desk.look().current
    assert seen is not None
    taken = desk.manager.post(
        reverse("agreements:take-theirs", args=[desk.pk]),
        {"deed": "whole", "digest": said.digest, "seen": str(seen.number)},
    )
    assert taken.status_code == 302
    assert "/g/" in desk.post()
    assert "5 students a year" in desk.page()
    # Both approve.
    assert "exactly the conditions shown" in desk.page("approve")
    assert desk.approve().status_code == 302
    assert desk.state() is State.APPROVED_BY_PARTNER
    desk.we_approve()
    assert desk.state() is State.IN_FORCE
    assert "in force" in desk.post()
    # A change, taken back by the office.
    actions.edit(
        actor=desk.actor, agreement=desk.look(), terms=both_ways(desk.ours, PARTNER, people="9"),
        now=timezone.now(),
    )  # fmt: skip
    assert "What is in force now" in desk.page()
    reverted = desk.manager.post(reverse("agreements:deed", args=[desk.pk, "revert"]))
    assert reverted.status_code == 302
    assert desk.state() is State.IN_FORCE
    # The guest proposes a change and takes it back.
    form = desk.hidden("propose") | {
        "c0-people": "6",
        "c0-levels": ["6", "7"],
        "c1-levels": ["6", "7"],
    }
    desk.send("propose", form)
    assert desk.state() is State.MODIFICATION
    desk.send("take-back", desk.hidden("take-back"))
    assert desk.state() is State.IN_FORCE
    # The end, proposed by the guest.
    desk.send("end", desk.hidden("end") | {"reason": "The programme closes."})
    assert desk.state() is State.TERMINATION
    ended = desk.manager.post(
        reverse("agreements:deed", args=[desk.pk, "terminate"]), {"reason": ""}
    )
    assert ended.status_code == 302
    assert "end the agreement as a whole" in desk.page("approve")
    desk.approve()
    desk.we_approve()
    assert desk.state() is State.TERMINATED
    assert binding_terms(desk.look()) is None
    assert "Ended" in desk.page()


# --- The door -------------------------------------------------------------------------------------


def test_the_first_page_says_what_for_and_who_and_nothing_else(desk: Desk) -> None:
    desk.propose()
    desk.invite()
    secret = guest.secret_of(GuestLink.objects.get())
    answer = desk.guest.get(f"/g/{secret}")
    text = answer.content.decode().replace(secret, "")  # letters of chance
    assert "University of Northlake" in text
    for hidden in ("Nowhere", ADDRESS, "Pia", desk.look().code, "2026/2027"):
        assert hidden not in text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "<script" not in text
    assert GuestLink.objects.get().last_used_at is None, (
        "a machine that looks at links has not read it"
    )


def test_nothing_opens_before_the_address_is_said(desk: Desk) -> None:
    desk.propose()
    desk.invite()
    secret = guest.secret_of(GuestLink.objects.get())
    for name in (
        "agreement",
        "agreement.pdf",
        "propose",
        "approve",
        "sign",
        "pass-on",
        "end",
        "comment",
    ):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(f"/g/{secret}/{name}")
            assert (answer.status_code, answer.headers.get("Location")) == (302, f"/g/{secret}")
    wrong = Client().post(f"/g/{secret}", {"address": "eve@nowhere.example"})
    assert wrong.status_code == 400
    assert ADDRESS not in wrong.content.decode()
    upper = Client().post(f"/g/{secret}", {"address": " PIA@nowhere.example "})
    assert upper.status_code == 302


def test_browsers_that_send_no_origin_may_come_in_and_answer(desk: Desk) -> None:
    desk.guest = Client(enforce_csrf_checks=True, headers={"Origin": "null"})
    desk.come_in()
    assert desk.send("comment", {"text": "We read it."}).status_code == 302
    assert desk.look().remarks.get().text == "We read it."


def test_links_that_do_not_open_look_alike(inside: Desk) -> None:
    link = GuestLink.objects.get()
    absent = Client().get("/g/" + "x" * 43)
    GuestLink.objects.update(expires_at=timezone.now() - timedelta(days=1))
    expired = inside.guest.get(f"/g/{inside.secret}/agreement")
    GuestLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert inside.guest.get(f"/g/{inside.secret}/agreement").status_code == 200
    inside.manager.post(reverse("without-ewp:change-link", args=[inside.pk, link.pk, "withdraw"]))
    withdrawn = inside.guest.get(f"/g/{inside.secret}/agreement")
    assert absent.status_code == expired.status_code == withdrawn.status_code == 404
    assert absent.content == expired.content == withdrawn.content
    assert "ask the international office" in absent.content.decode()


def test_guessing_is_slowed_down_and_does_not_stop_others(inside: Desk) -> None:
    thief = Client(REMOTE_ADDR="198.51.100.9")
    answers = [thief.get(f"/g/{number:043d}").status_code for number in range(guest.KNOCKS + 2)]
    assert answers == [404] * guest.KNOCKS + [429] * 2
    assert thief.get(f"/g/{inside.secret}").status_code == 429
    assert inside.guest.get(f"/g/{inside.secret}/agreement").status_code == 200


def test_the_door_of_one_agreement_opens_no_other(inside: Desk) -> None:
    other = actions.create(
        actor=inside.actor, institution=inside.cast.sending, partner=inside.partner,
        terms=both_ways(inside.ours, PARTNER, people="77"), now=timezone.now(),
    )  # fmt: skip
    actions.propose(actor=inside.actor, agreement=other, now=timezone.now())
    link = guest.invite(
        actor=inside.actor, agreement=other, address="other@nowhere.example", name="Otto",
        language="en", now=timezone.now(),
    )  # fmt: skip
    secret = guest.secret_of(link)
    answer = inside.guest.get(f"/g/{secret}/agreement")
    assert answer.headers["Location"] == f"/g/{secret}"
    assert "2 students a year" in inside.page()
    assert "77 students a year" not in inside.page()


def test_the_language_of_the_letter_and_then_of_choice(desk: Desk) -> None:
    desk.propose()
    desk.invite(language="fi")
    secret = guest.secret_of(GuestLink.objects.get())
    assert '<html lang="fi">' in desk.guest.get(f"/g/{secret}").content.decode()
    assert '<html lang="sv">' in desk.guest.get(f"/g/{secret}?language=sv").content.decode()
    assert '<html lang="sv">' in desk.guest.get(f"/g/{secret}").content.decode()


def test_opening_is_noted_for_the_office(inside: Desk) -> None:
    inside.page()
    page = inside.manager.get(reverse("without-ewp:links", args=[inside.pk])).content.decode()
    assert "Last opened" in page
    assert ADDRESS in page
    assert inside.secret not in page, "nobody in the office could act as the guest"


def test_passing_on_gives_the_colleague_a_link_and_ends_ones_own_by_choice(inside: Desk) -> None:
    answer = inside.send(
        "pass-on", {"name": "Cleo", "address": "cleo@nowhere.example", "language": "sv"}
    )
    assert answer.status_code == 200
    assert inside.guest.get(f"/g/{inside.secret}/agreement").status_code == 404
    assert "/g/" in inside.post()
    made = GuestLink.objects.get(address="cleo@nowhere.example")
    colleague = Client()
    secret = guest.secret_of(made)
    colleague.post(f"/g/{secret}", {"address": "cleo@nowhere.example"})
    page = colleague.get(f"/g/{secret}/agreement?language=en").content.decode()
    assert "Pass on to a colleague" not in page
    again = colleague.post(
        f"/g/{secret}/pass-on",
        {"name": "Third", "address": "third@nowhere.example", "language": "en", "keep": "on"},
    )
    assert again.status_code == 400
    assert GuestLink.objects.count() == 2


# --- Deciding -------------------------------------------------------------------------------------


def test_nothing_is_approved_without_the_tick_and_the_function(inside: Desk) -> None:
    assert inside.approve(function="").status_code == 400
    without = {**inside.hidden("approve"), "function": "Rector"}
    assert inside.send("approve", without).status_code == 400
    assert not Approval.objects.exists()


def test_a_proposal_that_changed_meanwhile_is_shown_again(inside: Desk) -> None:
    form = {**inside.hidden("approve"), "function": "Rector", "sure": "on"}
    actions.edit(
        actor=inside.actor, agreement=inside.look(), now=timezone.now(),
        terms=both_ways(inside.ours, PARTNER, people="9"),
    )  # fmt: skip
    answer = inside.send("approve", form)
    assert answer.status_code == 409
    assert "9 students a year" in answer.content.decode()
    assert not Approval.objects.exists()


def test_a_signed_paper_is_checked_kept_and_approves(inside: Desk) -> None:
    paper = inside.guest.get(f"/g/{inside.secret}/agreement.pdf")
    assert paper.content.startswith(b"%PDF-")
    form = {**inside.hidden("sign"), "function": "Rector", "sure": "on"}
    bad = SimpleUploadedFile("signed.pdf", b"<html>", content_type="application/pdf")
    assert inside.send("sign", {**form, "file": bad}).status_code == 409
    good = SimpleUploadedFile("signed.pdf", b"%PDF-1.7 \xff", content_type="application/pdf")
    assert inside.send("sign", {**form, "file": good}).status_code == 302
    assert inside.state() is State.APPROVED_BY_PARTNER
    assert inside.look().attachments.get().side == "partner"


def test_impossible_terms_come_back_with_what_was_typed(inside: Desk) -> None:
    form = inside.hidden("propose") | {"c0-people": "a few", "c0-levels": ["6"], "c1-levels": ["6"]}
    answer = inside.send("propose", form)
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "a few" in text
    assert "whole number" in text
    assert not ReceivedCopy.objects.exists()


def test_adding_a_condition_loses_nothing_that_was_typed(inside: Desk) -> None:
    form = inside.hidden("propose") | {
        "c0-other_terms": "Typed before.", "do": "add", "new-kind": "teaching", "new-direction": "both",
    }  # fmt: skip
    answer = inside.send("propose", form)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Typed before." in text
    assert text.count("Staff mobility for teaching</legend>") == 2


# --- The office -----------------------------------------------------------------------------------


def test_an_unproposed_agreement_invites_nobody(desk: Desk) -> None:
    page = desk.manager.get(reverse("without-ewp:links", args=[desk.pk])).content.decode()
    assert "once it is proposed" in page
    assert desk.invite().status_code == 400
    assert not GuestLink.objects.exists()


def test_whoever_was_invited_before_is_the_first_guess_until_invited_again(desk: Desk) -> None:
    assert ADDRESS not in desk.invitation()
    desk.propose()
    desk.invite(function="Coordinator", language="sv")
    assert ADDRESS not in form_of(desk.invitation()).get("address", ""), "she has a link already"
    desk.pk = actions.create(
        actor=desk.actor, institution=desk.cast.sending, partner=desk.partner, now=timezone.now(),
        terms=both_ways(desk.ours, PARTNER),
    ).pk  # fmt: skip
    desk.propose()
    told = form_of(desk.invitation())
    assert (told["name"], told["address"]) == ("Pia", ADDRESS)
    assert (told["function"], told["language"]) == ("Coordinator", "sv")


def test_the_office_reads_that_nobody_was_told_until_somebody_is_invited(desk: Desk) -> None:
    address = reverse("agreements:agreement", args=[desk.pk])
    desk.propose()
    page = desk.manager.get(address).content.decode()
    assert "Nobody at the partner has a link, so nobody there was told." in page
    assert "has to read our proposal" in page
    assert "Look at the partner" not in page, "what guests say is here at once"
    desk.invite()
    assert "Nobody at the partner has a link" not in desk.manager.get(address).content.decode()


def test_an_end_that_the_partner_proposes_is_told_as_an_end(inside: Desk) -> None:
    inside.approve()
    inside.we_approve()
    assert "What is in force" in inside.page()
    assert inside.send("end", inside.hidden("end")).status_code == 302
    assert "End proposed by you" in inside.page()
    page = inside.manager.get(reverse("agreements:agreement", args=[inside.pk])).content.decode()
    assert "The end of the agreement is proposed: agree to it, or propose something else." in page
    assert "Only one of the two copies ends the agreement as a whole." in page
    assert "directions differ" not in page
    compared = inside.manager.get(reverse("agreements:comparison", args=[inside.pk]))
    assert "their conditions forbid nothing" in compared.content.decode()
    assert "Agree to the end" in page
    agreed = inside.manager.post(reverse("agreements:deed", args=[inside.pk, "terminate"]))
    assert agreed.status_code == 302
    inside.approve()
    inside.we_approve()
    assert inside.state() is State.TERMINATED
    assert "What was in force" in inside.page()
    assert "Propose changes" not in inside.page()


def test_a_paper_counts_only_when_a_second_person_confirmed_it(desk: Desk) -> None:
    desk.propose()
    address = reverse("without-ewp:papers", args=[desk.pk])
    form = form_of_papers(desk.signatory.get(address).content.decode())
    file = SimpleUploadedFile("signed.pdf", b"%PDF-1.7", content_type="application/pdf")
    brought = desk.signatory.post(
        address,
        {
            "seen": form,
            "signed_by": "R. Rector",
            "mandate": "Rector",
            "signed_on": "2026-01-02",
            "file": file,
        },
    )
    assert brought.status_code == 302, brought.content
    paper = desk.look().signed_papers.get()
    confirm = reverse("without-ewp:settle-paper", args=[desk.pk, paper.pk, "confirm"])
    desk.signatory.post(confirm)
    assert not Approval.objects.exists(), "not by whoever brought it"
    assert desk.manager.post(confirm).status_code == 403, "not without the mandate"
    second = account("second")
    role(second, Role.Name.SIGNATORY, desk.cast.sending)
    other = Client()
    other.force_login(second, backend="django.contrib.auth.backends.ModelBackend")
    assert "Confirm as the partner" in other.get(address).content.decode()
    other.post(confirm)
    approval = Approval.objects.get()
    assert (approval.side, approval.channel, approval.mandate) == ("partner", "file", "Rector")
    desk.we_approve()
    assert desk.state() is State.IN_FORCE


def form_of_papers(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found.group(1)


def test_a_spreadsheet_goes_out_and_comes_in_after_a_look(desk: Desk) -> None:
    out = desk.manager.get(reverse("without-ewp:spreadsheet"))
    assert out.content.startswith(b"PK")
    file = SimpleUploadedFile("agreements.xlsx", out.content)
    brought = desk.manager.post(reverse("without-ewp:files"), {"landing": "ours", "file": file})
    assert brought.status_code == 302, brought.content
    page = desk.manager.get(brought.headers["Location"]).content.decode()
    assert "This file changes nothing." in page
    bad = SimpleUploadedFile("agreements.csv", b"a;b\n1;2\n")
    refused = desk.manager.post(reverse("without-ewp:files"), {"landing": "ours", "file": bad})
    assert refused.status_code == 400
    assert "Columns are missing" in refused.content.decode()


def test_notes_on_one_condition_say_so_to_both_sides_and_colleagues_keep_their_own(
    inside: Desk,
) -> None:
    remark = reverse("agreements:remark", args=[inside.pk])
    said = {"text": "Could it be three?", "condition": "1", "for_partner": "yes"}
    assert inside.manager.post(remark, said).status_code == 302
    inside.manager.post(remark, {"text": "They are slow", "condition": "0"})
    assert "There is a note for you." in inside.post()
    agreement = inside.look()
    contact = {"names": [["en", "Exchange office"]], "emails": ["ask@example.org"]}
    actions.edit_particulars(
        actor=inside.actor, agreement=agreement, now=timezone.now(), contacts=[contact]
    )
    page = inside.page()
    assert "mailto:ask@example.org" in page
    assert "Could it be three?" in page
    assert "on condition 2" in page
    assert "They are slow" not in page
    inside.send("comment", {"text": "Three is fine", "condition": "1"})
    inside.send("comment", {"text": "Thank you", "condition": "99"})
    places = dict(inside.look().remarks.values_list("text", "condition"))
    assert places["Three is fine"] == 1
    assert places["Thank you"] is None
    ours = inside.manager.get(reverse("agreements:agreement", args=[inside.pk])).content.decode()
    assert "The partner wrote on condition 2" in ours
    assert "Note for colleagues on condition 1" in ours

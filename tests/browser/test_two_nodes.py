"""Two people in two browsers on two nodes of the network, and a third one at a partner without EWP, agree, change and end.

Everybody clicks and types on the pages only. What goes between the nodes goes by their own workers.
"""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_pages import WIDER_THAN_ITS_WINDOW
from tests.journeys.agreeing import office
from vaihto.command.box import PLANS, Network, Node, running

# Two nodes are built and a long conversation is held: several minutes on a small machine that is busy.
pytestmark = pytest.mark.timeout(900)

NORTH, SOUTH = "tuulisalmi.example", "costaclara.example"
OFFICE, PARTNER = "University of Tuulisalmi", "University of Costaclara"
ALONE = "Ballyglen Institute"  # has no system
PATIENCE = 90
"""Seconds after which what a worker or the other side shall bring is missing."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Two nodes of the network with their workers."""
    with running(tmp_path_factory.mktemp("two-nodes"), plans=PLANS[:2]) as whole:
        yield whole


class Person:
    """Somebody before a browser of their own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.home = ""

    def opens(self, address: str) -> None:
        """Goes to an address that somebody has told."""
        self.page.goto(address)

    def signs_in(self, node: Node, name: str) -> Person:
        """One click on the sign-in page of a node of the demo."""
        self.home = f"{node.url}/"
        self.opens(self.home)
        self.clicks(name)
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Your turn")
        return self

    def clicks(self, word: str) -> None:
        """A button or link of that name, wherever it leads."""
        button = self.page.get_by_role("button", name=word)
        button.or_(self.page.get_by_role("link", name=word)).first.click()

    def field(self, label: str) -> Locator:
        """The first one of that name."""
        return (
            self.page.locator("main")
            .get_by_label(re.compile(rf"^{re.escape(label)}( optional)?$"))
            .first
        )

    def types(self, label: str, text: str) -> None:
        """Into a field, instead of what stands there."""
        self.field(label).fill(text)

    def types_everywhere(self, label: str, text: str, *, places: int) -> None:
        """Into all fields of that name, once they are all there."""
        fields = self.page.locator("main").get_by_label(label)
        expect(fields).to_have_count(places)
        for field in fields.all():
            field.fill(text)

    def chooses(self, label: str, word: str) -> None:
        """From a list."""
        self.field(label).select_option(label=word)

    def part(self, heading: str) -> Locator:
        """The part of the page under a heading."""
        return self.page.get_by_role("region", name=heading)

    def reads(self, *texts: str | re.Pattern[str], at: Locator | None = None) -> None:
        """All of this stands on the page now."""
        for text in texts:
            expect(at or self.page.locator("main")).to_contain_text(text)

    def waits_for(
        self, *texts: str, at: Callable[[], Locator] | None = None, alone: bool = False
    ) -> None:
        """Reloads until all of this, or this alone, stands there: it comes from elsewhere, in its own time."""
        found = at or (lambda: self.page.locator("main"))
        until = time.monotonic() + PATIENCE
        while True:
            shown = found()
            said = shown.first.inner_text() if shown.count() else ""
            missing = [text for text in texts if (text != said if alone else text not in said)]
            if not missing:
                return
            page = self.page.locator("main").inner_text()
            assert time.monotonic() < until, f"{missing} did not come to {self.page.url}:\n{page}"
            self.page.wait_for_timeout(250)
            self.page.reload()

    # What one does with agreements ---------------------------------------------------------------

    def turns_to(self, queue: str, about: str) -> None:
        """Waits until something stands on "Your turn", and opens it."""
        self.opens(self.home)
        self.waits_for(about, at=lambda: self.part(queue))
        self.part(queue).get_by_role("listitem").filter(has_text=about).get_by_role(
            "link"
        ).last.click()

    def approves(self, code: str, *, of: str) -> str:
        """Reads and approves what waits for an approval; answers the hash that was read."""
        self.turns_to("Agreements to approve", code)
        self.reads("Exactly this is approved", of)
        digest = self.page.locator(".digest code").inner_text()
        self.page.get_by_label("I have read what stands above").check()
        self.page.get_by_role("button", name="Approve", exact=True).click()
        self.reads("The partner's copy is approved. The partner is told.")
        return digest

    def approvals(self) -> list[tuple[str, str]]:
        """Who approved which copy, as the page tells."""
        rows = self.part("Approvals").locator("tbody tr")
        cells = [row.locator("th, td") for row in rows.all()]
        return sorted(
            (row.nth(1).inner_text(), row.nth(3).inner_text().split("hash ")[1]) for row in cells
        )

    def code(self) -> str:
        """What the agreement of this page is called here."""
        return self.page.locator(".lead").inner_text()

    def waits_for_state(self, word: str) -> None:
        """Until just this stands beside "Where it stands"."""
        self.waits_for(word, at=lambda: self.part("Where it stands").locator(".badge"), alone=True)


@pytest.fixture
def new_browser(chromium_browser: Browser) -> Iterator[Callable[..., Page]]:
    """A browser for each: nothing of one is known in another."""
    opened = []

    def make(*, width: int = 1280, height: int = 900) -> Page:
        context = chromium_browser.new_context(
            ignore_https_errors=True,  # the authority of the network is thrown away after it
            locale="en-GB",
            viewport={"width": width, "height": height},
        )
        context.set_default_timeout(PATIENCE * 1000)
        opened.append(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()


def drafts(person: Person, partner: str, *, people: str) -> str:
    """From nothing: the partner, then a condition, then the same in the other direction; proposes it, answers its code."""
    person.clicks("Agreements")
    person.clicks("New agreement")
    person.types("Name, city, Erasmus code or identifier", partner)
    person.page.get_by_role("button", name="Find", exact=True).click()
    person.page.locator(".picked").get_by_role("link", name=partner).click()
    person.clicks("Make the draft")
    person.reads("Only we see it until it is proposed.")
    person.chooses("Kind of mobility", "Student mobility for studies")
    person.page.locator("#new-direction").select_option("out")
    person.page.get_by_role("button", name="Add", exact=True).click()
    person.types("First academic year", "2026/2027")
    person.types("Last academic year", "2028/2029")
    person.types("People per year", people)
    person.types("Months per year, all students together", "20")
    person.page.get_by_label("bachelor").check()
    person.types("Field of study", "0613")
    person.chooses("Language", "English")
    person.chooses("Language level", "B2")
    person.clicks("The same in the other direction")
    person.reads("Condition 2: Student mobility for studies")
    person.clicks("Save and propose")
    person.reads("The agreement was proposed to the partner.", f"{people} students a year")
    return person.code()


def changes(person: Person, at: str, *, people: str) -> None:
    """Another number in both directions."""
    person.opens(at)
    person.clicks("Edit our copy")
    person.types_everywhere("People per year", people, places=2)
    person.page.get_by_role("button", name="Save", exact=True).click()
    person.reads("Our copy was changed.")
    person.reads(f"{people} students a year", at=person.part("Our copy now"))


def test_two_people_on_two_nodes_agree_change_go_back_and_end(
    network: Network, new_browser: Callable[..., Page]
) -> None:
    north, south = network.node("north"), network.node("south")
    taru = Person(new_browser()).signs_in(north, "Taru Tuisku")
    carmen = Person(new_browser()).signs_in(south, "Carmen Costales")
    code = drafts(taru, PARTNER, people="2")
    ours = taru.page.url

    carmen.turns_to("Proposals of partners", OFFICE)
    carmen.reads("2 students a year", code)
    carmen.clicks("Take it in")
    carmen.reads("We have a copy with the partner's terms now.")
    theirs, their_code = carmen.page.url, carmen.code()
    for one in (taru, carmen):
        one.waits_for("Under negotiation")
        one.clicks("Compare the copies")
        one.reads("Both copies say the same.")

    def both_in_force(people: str) -> None:
        for one, at in ((taru, ours), (carmen, theirs)):
            one.opens(at)
            one.waits_for_state("In force")
            one.reads("Nobody's turn.", at=one.part("Where it stands"))
            one.reads(f"{people} students a year", at=one.part("In force"))
        assert taru.approvals() == carmen.approvals()

    def both_approve() -> None:
        read = {
            taru.approves(code, of=PARTNER),
            carmen.approves(their_code, of=OFFICE),
        }
        for one, at in ((taru, ours), (carmen, theirs)):
            one.opens(at)
            one.waits_for("Nobody's turn.")
        assert {digest[:16] for digest in read} <= {digest for _who, digest in taru.approvals()}

    both_approve()
    both_in_force("2")
    assert len(taru.approvals()) == 2

    # Another number: the old one binds until both have approved the new one.
    changes(taru, ours, people="5")
    carmen.turns_to("Agreements that wait for us", their_code)
    carmen.waits_for_state("In force, change under way")
    carmen.reads("2 students a year", at=carmen.part("In force"))
    carmen.clicks("See the differences")
    carmen.reads("The copies do not agree.", "differs, must be the same")
    carmen.clicks("Take their whole copy over")
    carmen.reads("Our copy says now what the partner's says.")
    both_approve()
    both_in_force("5")
    assert len(taru.approvals()) == 4

    # A change that its author gives up again.
    changes(taru, ours, people="9")
    carmen.turns_to("Agreements that wait for us", their_code)
    carmen.waits_for_state("In force, change under way")
    taru.clicks("Go back to what is in force")
    taru.reads("Our change is given up; it stays in the history.")
    taru.page.get_by_role("button", name="Go back", exact=True).click()
    taru.reads("Our copy says again what is in force.")
    both_in_force("5")
    assert len(taru.approvals()) == 4, "what both had approved needs no new approval"

    # The end.
    taru.clicks("End the agreement")
    taru.types("Why", "The programme is closed.")
    taru.clicks("Propose the end")
    taru.reads("Our copy says that the agreement is ended. The partner is told.")
    taru.waits_for_state("In force, ending under way")
    carmen.turns_to("Agreements that wait for us", their_code)
    carmen.waits_for_state("In force, ending under way")
    carmen.reads("The end of the agreement is proposed: agree to it, or propose something else.")
    carmen.reads("Only one of the two copies ends the agreement as a whole.")
    carmen.clicks("Agree to the end")
    carmen.clicks("Propose the end")
    carmen.reads("Our copy says that the agreement is ended. The partner is told.")
    both_approve()
    for one, at in ((taru, ours), (carmen, theirs)):
        one.opens(at)
        one.waits_for_state("Ended")
        one.reads("Both partners have ended this agreement as a whole.")
    assert taru.approvals() == carmen.approvals()
    assert binding(north, NORTH, SOUTH, code) == binding(south, SOUTH, NORTH, their_code)


def binding(node: Node, own: str, partner: str, code: str) -> tuple[str, object]:
    """What the node itself says is in force."""
    with office(node, own=own, partner=partner) as desk:
        told = desk("see", code)
    return told["state"], told["bound"]


def letter_to(node: Node, address: str, *, about: str) -> str:
    """What somebody finds in the mail: the newest letter to the address whose subject names this."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for file in sorted((node.folder / "letters").glob("*.log"), reverse=True):
            for written in reversed(re.split(rb"^-{79}$", file.read_bytes(), flags=re.MULTILINE)):
                letter = email.message_from_bytes(written.strip(), policy=email.policy.default)
                body = letter.get_body(("plain",))
                if body and letter["To"] == address and about in letter["Subject"]:
                    return str(body.get_content())
        time.sleep(0.2)
    raise AssertionError(f"no letter to {address} about {about}")


class Guest(Person):
    """Somebody at the partner without a system, with a telephone."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.link = ""

    def comes_in(self, link: str, address: str) -> None:
        """Opens the link of the letter and says to whom it was sent."""
        self.link = link
        self.opens(link)
        self.types("Your e-mail address", address)
        self.clicks("Read the agreement")

    def waits_for_turn(self, *texts: str) -> None:
        """Until the page says that it is the guest's turn, and this too."""
        self.opens(self.link)
        self.waits_for("Your turn", *texts)
        assert not self.page.evaluate(WIDER_THAN_ITS_WINDOW)

    def proposes(self, *, people: str, note: str = "") -> None:
        """Another number in both directions."""
        self.clicks("Propose changes")
        self.types_everywhere("People per year", people, places=2)
        if note:
            self.types(f"A note to {OFFICE}", note)
        self.clicks("Send your version")
        self.reads("Your version was sent.")

    def says_yes(self, *texts: str) -> None:
        """Approves what the page shows, with name and function."""
        self.clicks("Approve")
        self.reads("Exactly this is approved", *texts)
        self.types("Your name", "Fionn Byrne")
        self.types("Your function", "Registrar")
        self.page.get_by_label("I am entitled to act for").check()
        self.page.get_by_role("button", name="Approve", exact=True).click()
        self.reads("Your approval is kept. Thank you.")


def takes_over(person: Person, code: str, *texts: str) -> None:
    """What the partner wants, as it stands on "Your turn"."""
    person.turns_to("Agreements that wait for us", code)
    person.clicks("See the differences")
    person.reads(*texts)
    person.clicks("Take their whole copy over")
    person.reads("Our copy says now what the partner's says.")


def test_a_partner_without_a_system_agrees_changes_goes_back_and_ends_through_its_link(
    network: Network, new_browser: Callable[..., Page]
) -> None:
    node = network.node("north")
    taru = Person(new_browser()).signs_in(node, "Taru Tuisku")
    code = drafts(taru, ALONE, people="2")
    ours = taru.page.url
    taru.reads("Nobody at the partner has a link, so nobody there was told.")
    taru.clicks("Invite the partner")
    address = taru.field("E-mail address").input_value()
    assert address == "international@ballyglen.example", "known from an earlier agreement"
    taru.page.get_by_role("button", name="Invite", exact=True).click()
    taru.reads("The link is made, and a letter with it is on its way.")

    letter = letter_to(node, address, about=code)
    link = re.search(rf"{re.escape(node.url)}/g/\S+", letter)
    assert link, letter
    fionn = Guest(new_browser(width=390, height=844))
    fionn.comes_in(link.group(), address)
    fionn.waits_for_turn("2 students a year", "Please read the proposal.")
    fionn.types(f"Write to {OFFICE}", "We would like three of each.")
    fionn.clicks("Send the comment")
    fionn.reads("Your comment was sent.")
    fionn.proposes(people="3", note="Three of each?")
    fionn.reads("Changes proposed by you", "Your version: 3", "The proposal: 2")

    takes_over(taru, code, "The copies do not agree.")
    fionn.waits_for_turn("3 students a year")
    fionn.says_yes("3 students a year")
    fionn.reads(f"You have approved. {OFFICE} has to approve now.")
    taru.approves(code, of=ALONE)
    taru.reads("Three of each?", "We would like three of each.", "Fionn Byrne, Registrar")

    def both_in_force(people: str) -> None:
        taru.opens(ours)
        taru.waits_for_state("In force")
        taru.reads(f"{people} students a year", at=taru.part("In force"))
        fionn.opens(fionn.link)
        fionn.waits_for_state("In force")
        fionn.reads("Nothing has to be done.", "What is in force", f"{people} students a year")

    both_in_force("3")

    # The office wants another number; the old one binds until both have approved the new one.
    changes(taru, ours, people="5")
    taru.waits_for_state("In force, change under way")
    taru.reads("3 students a year", at=taru.part("In force"))
    fionn.waits_for_turn("5 students a year", "What was agreed before stays in force")
    fionn.says_yes("5 students a year")
    taru.approves(code, of=ALONE)
    both_in_force("5")

    # Each gives a change up again.
    changes(taru, ours, people="9")
    fionn.waits_for_turn("9 students a year")
    taru.clicks("Go back to what is in force")
    taru.page.get_by_role("button", name="Go back", exact=True).click()
    taru.reads("Our copy says again what is in force.")
    both_in_force("5")
    fionn.proposes(people="7")
    taru.turns_to("Agreements that wait for us", code)
    taru.waits_for_state("In force, change under way")
    fionn.clicks("Take your change back")
    fionn.clicks("Take the change back")
    fionn.reads("Your version says again what is in force.")
    both_in_force("5")

    # The end.
    fionn.clicks("End the agreement")
    fionn.types("Why", "The programme is closed.")
    fionn.clicks("Propose the end")
    fionn.reads("Your proposal to end the agreement was sent.", "End proposed by you")
    takes_over(
        taru, code, "One of them ends the agreement as a whole; their conditions forbid nothing."
    )
    fionn.waits_for_turn("The proposal is to end the agreement as a whole.")
    fionn.says_yes("The proposal is to end the agreement as a whole.")
    taru.approves(code, of=ALONE)
    taru.waits_for_state("Ended")
    fionn.opens(fionn.link)
    fionn.waits_for_state("Ended")
    fionn.reads("Both sides have ended this agreement.", "What was in force")
    assert binding(node, NORTH, "ballyglen.example", code) == ("terminated", None)


def test_one_browser_may_be_signed_in_at_both_nodes_at_once(
    network: Network, new_browser: Callable[..., Page]
) -> None:
    page = new_browser()
    Person(page).signs_in(network.node("north"), "Taru Tuisku")
    Person(page.context.new_page()).signs_in(network.node("south"), "Carmen Costales")
    page.reload()
    expect(page.get_by_role("banner")).to_contain_text("Taru Tuisku")

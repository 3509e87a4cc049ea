"""Letters about what waits: when they go, what they say, and who chooses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from tests.cast import Cast
from vaihto.jobs import mailing
from vaihto.journal.actors import Actor, ActorKind
from vaihto.journal.models import Entry
from vaihto.people.accounts import choose_language
from vaihto.people.models import Account
from vaihto.refusals import NotAllowed
from vaihto.web import reminding
from vaihto.web.models import Reminder
from vaihto.web.turn import Queue, Source, Waiting

# A Tuesday in November, when local time is two hours ahead.
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NEXT_MONDAY = datetime(2026, 11, 30, 4, 30, tzinfo=UTC)


@pytest.fixture
def waits(only_sources: list[Source]) -> dict[str, int]:
    """How much waits for whom; a source of the worklist tells it, in place of all others."""
    known: dict[str, int] = {}

    def source(actor: Actor, _today: date) -> Queue | None:
        count = known.get(actor.label, 0)
        line = Waiting(title="Aino Leakable", href="/somewhere")
        return Queue(key="some", title="Stays to look at", why="", lines=[line], total=count)

    only_sources.append(source)
    return known


def _due(account: Account, at: datetime = NOW, **facts: object) -> Reminder:
    return Reminder.objects.create(account=account, due_at=at, **facts)


@pytest.mark.parametrize(
    ("rhythm", "after", "expected"),
    [
        ("weekly", NOW, NEXT_MONDAY),
        ("weekly", NEXT_MONDAY - timedelta(seconds=1), NEXT_MONDAY),
        ("weekly", NEXT_MONDAY, NEXT_MONDAY + timedelta(days=7)),
        ("daily", NOW, datetime(2026, 11, 25, 4, 30, tzinfo=UTC)),
        ("daily", datetime(2026, 11, 27, 9, tzinfo=UTC), NEXT_MONDAY),  # after Friday
        ("daily", datetime(2026, 11, 28, 0, tzinfo=UTC), NEXT_MONDAY),
        # The clocks go forward on 28 March: half past six stays half past six.
        ("weekly", datetime(2027, 3, 24, 9, tzinfo=UTC), datetime(2027, 3, 29, 3, 30, tzinfo=UTC)),
        ("never", NOW, None),
    ],
)
def test_the_next_morning_follows_from_the_rhythm(
    rhythm: str, after: datetime, expected: datetime | None
) -> None:
    assert reminding.next_morning(rhythm, after=after) == expected


@pytest.mark.mail
def test_a_letter_says_how_much_waits_and_names_nobody(cast: Cast, waits: dict[str, int]) -> None:
    waits[str(cast.bruno)] = 3
    _due(cast.bruno)
    assert reminding.send_due(now=NOW) == 1
    (letter,) = mail.outbox
    assert letter.to == [cast.bruno.email]
    assert letter.subject == "Your turn: 3 things wait for you"
    html = str(letter.alternatives[0][0])
    for text in (str(letter.body), html):
        assert "Stays to look at: 3" in text
        assert "/account#reminders" in text
        assert "Leakable" not in text
    assert Reminder.objects.get().due_at == NEXT_MONDAY
    assert reminding.send_due(now=NOW) == 0, "once is enough"


@pytest.mark.mail
def test_a_letter_is_in_the_language_of_its_reader(cast: Cast, waits: dict[str, int]) -> None:
    own = Actor(kind=ActorKind.PERSON, label="x", account_id=cast.bruno.pk)
    choose_language(actor=own, account=cast.bruno, language="sv", now=NOW)
    waits[str(cast.bruno)] = 1
    _due(cast.bruno)
    reminding.send_due(now=NOW)
    (letter,) = mail.outbox
    assert letter.extra_headers["Content-Language"] == "sv"
    assert "Your turn" not in letter.subject
    assert '<html lang="sv">' in str(letter.alternatives[0][0])


def test_without_anything_waiting_no_letter_goes(cast: Cast, waits: dict[str, int]) -> None:
    _due(cast.bruno)
    assert reminding.send_due(now=NOW) == 1
    assert mail.outbox == []
    assert Reminder.objects.get().due_at == NEXT_MONDAY


@pytest.mark.parametrize("facts", [{"is_active": False}, {"email": ""}])
def test_who_has_left_or_has_no_address_gets_none(
    cast: Cast, waits: dict[str, int], facts: dict[str, object]
) -> None:
    waits[str(cast.bruno)] = 3
    _due(cast.bruno)
    Account.objects.filter(pk=cast.bruno.pk).update(**facts)
    reminding.send_due(now=NOW)
    assert mail.outbox == []


@pytest.mark.mail
def test_what_the_mail_server_did_not_take_goes_later(
    cast: Cast, waits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits[str(cast.bruno)] = 3
    _due(cast.bruno)

    with monkeypatch.context() as patch:
        patch.setattr(mailing, "post", lambda _made, *, to: "smtp-451")
        reminding.send_due(now=NOW)
    row = Reminder.objects.get()
    assert (row.failure, row.due_at) == ("smtp-451", NOW + timedelta(hours=2))
    reminding.send_due(now=NOW + timedelta(hours=2))
    assert len(mail.outbox) == 1
    row.refresh_from_db()
    assert (row.failure, row.due_at) == ("", NEXT_MONDAY)


@pytest.mark.mail
def test_a_choice_made_while_a_letter_goes_stays(
    cast: Cast, waits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits[str(cast.bruno)] = 3
    _due(cast.bruno)
    post = mailing.post

    def meanwhile(made: mailing.Composed, *, to: str) -> str:
        Reminder.objects.update(rhythm="never", due_at=None)
        return post(made, to=to)

    monkeypatch.setattr(mailing, "post", meanwhile)
    reminding.send_due(now=NOW)
    assert Reminder.objects.get().due_at is None


def test_new_accounts_get_their_first_letter_on_the_next_monday(cast: Cast) -> None:
    Account.objects.filter(pk=cast.dara.pk).update(email="")
    reminding.wake(NOW)
    assert set(Reminder.objects.values_list("due_at", flat=True)) == {NEXT_MONDAY}
    reminded = set(Reminder.objects.values_list("account__username", flat=True))
    assert cast.bruno.username in reminded
    assert cast.dara.username not in reminded


def test_without_a_mail_server_nothing_is_begun(
    cast: Cast, waits: dict[str, int], settings: Settings
) -> None:
    settings.SENDS_MAIL = False
    reminding.wake(NOW)
    assert not Reminder.objects.exists()
    _due(cast.bruno)
    assert reminding.send_due(now=NOW) == 0


def test_the_rhythm_is_chosen_on_the_page_of_the_account(cast: Cast, bruno: Client) -> None:
    page = bruno.get("/account").content.decode()
    assert cast.bruno.email in page
    assert 'value="weekly" required id="id_rhythm_1" checked' in page
    answer = bruno.post("/account/reminders", {"rhythm": "never"}, follow=True)
    assert "Your choice is kept." in answer.content.decode()
    row = Reminder.objects.get()
    assert (row.account_id, row.rhythm, row.due_at) == (cast.bruno.pk, "never", None)
    assert Entry.objects.get(verb="account.reminders").changes == {"rhythm": ["weekly", "never"]}
    bruno.post("/account/reminders", {"rhythm": "never"})
    assert Entry.objects.filter(verb="account.reminders").count() == 1
    assert bruno.post("/account/reminders", {"rhythm": "hourly"}).status_code == 400
    assert Reminder.objects.get().rhythm == "never"


def test_nobody_chooses_for_another(cast: Cast) -> None:
    other = Actor(kind=ActorKind.PERSON, label="x", account_id=cast.dara.pk)
    with pytest.raises(NotAllowed):
        reminding.choose(actor=other, account=cast.bruno, rhythm="never", now=NOW)
    assert not Reminder.objects.exists()


def test_the_page_says_when_no_letters_come(cast: Cast, bruno: Client, settings: Settings) -> None:
    settings.SENDS_MAIL = False
    assert "This installation sends no letters." in bruno.get("/account").content.decode()
    settings.SENDS_MAIL = True
    Account.objects.filter(pk=cast.bruno.pk).update(email="")
    assert "This account has no e-mail address" in bruno.get("/account").content.decode()

"""The eighteen steps by which two partners try their agreements, told from what really happened.

No step is stored: each follows from calls that were made, copies that came, and approvals that were given. Who began
is A, the other is B. Source: interoperability steps for agreements (reference, section 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from vaihto.agreements import words
from vaihto.ewp.apis.iias import APPROVAL, APPROVAL_CNR, IIA_CNR, IIAS
from vaihto.wording import mark as _

# Word of a change may take so long before a partner is told that it sent none: queues, and a retry or two.
GRACE = timedelta(minutes=5)


class Deed(StrEnum):
    """What is done in a step."""

    CREATE = "create"  # makes an agreement and sends word of it
    CREATE_MORE = "create-more"
    INDEX = "index"
    GET = "get"
    EDIT = "edit"  # changes it and sends word
    EDIT_MORE = "edit-more"
    GET_EDITED = "get-edited"
    APPROVE = "approve"  # approves the other's copy and sends word
    CHECK = "check"  # asks which version of its own copy the other has approved


class State(StrEnum):
    """How it is with a step."""

    DONE = "done"
    OURS = "ours"  # waits for us
    PARTNER = "partner"  # waits for the partner
    FAILED = "failed"
    LATER = "later"  # an earlier step comes first


# Deed, and whether it is A's; the order of the service desk.
ORDER: tuple[tuple[Deed, bool], ...] = (
    (Deed.CREATE, True),
    (Deed.CREATE, False),
    (Deed.CREATE_MORE, True),
    (Deed.CREATE_MORE, False),
    (Deed.INDEX, False),
    (Deed.INDEX, True),
    (Deed.GET, False),
    (Deed.GET, True),
    (Deed.EDIT, True),
    (Deed.EDIT, False),
    (Deed.EDIT_MORE, True),
    (Deed.EDIT_MORE, False),
    (Deed.GET_EDITED, True),
    (Deed.GET_EDITED, False),
    (Deed.APPROVE, True),
    (Deed.APPROVE, False),
    (Deed.CHECK, True),
    (Deed.CHECK, False),
)

# Which steps come before one, by their numbers.
_NEEDS: dict[int, tuple[int, ...]] = {
    2: (1,), 3: (1,), 4: (2, 3), 5: (1,), 6: (2,), 7: (1,), 8: (2,), 9: (7, 8), 10: (9,), 11: (10,), 12: (11,),
    13: (12,), 14: (11,), 15: (13, 14), 16: (13, 14), 17: (16,), 18: (15,),
}  # fmt: skip


# What is to be told -------------------------------------------------------------------------------

_SEND_WORD = _(
    "The partner's system has to send a notification after every change; the agreement was found only because we asked."
)
_TICKET = _("Send the partner's technical contact the text for a ticket.")
_FETCHES = _("After our notification most systems fetch by themselves (IIAs get).")
_ASK_TO_FETCH = _("If nothing happens, ask the partner to fetch the agreement.")

SAYS: dict[str, tuple[str, str, str]] = {
    # Waits for us.
    "to-create": ("", _("A test agreement is made, and the partner is told (IIA CNR)."), ""),
    "to-take-in": (
        "",
        _(
            "Our copy of the partner's test agreement is made with the same terms, and the partner is told (IIA CNR)."
        ),
        "",
    ),
    "to-index": ("", _("The partner's test agreement has to stand in the list (IIAs index)."), ""),
    "to-get": (
        "",
        _("Its hash is computed anew and compared with the published one (IIAs get)."),
        "",
    ),
    "to-edit": (
        "",
        _(
            "The number of people is changed, or the partner's change taken over, and the partner is told (IIA CNR)."
        ),
        "",
    ),
    "to-take-theirs": (
        "",
        _("The copies differ. We take the partner's terms over, which changes our copy."),
        _("Or ask the partner to take over ours."),
    ),
    "to-approve": (
        "",
        _(
            "Somebody with the mandate reads and approves the partner's copy; the partner is told (IIA Approval CNR)."
        ),
        "",
    ),
    "to-link": (
        "",
        _("The partner's agreement does not name ours. Say that the two are the same one."),
        _("Or ask the partner to name our id in its copy."),
    ),
    "to-check": ("", _("The hash of our copy has to stand in the answer (IIA Approval)."), ""),
    "word-on-its-way": (
        "",
        _("It is done here; word of it waits to be sent."),
        _("It goes out by itself. If it lasts, see what waits between us and the partner."),
    ),
    # Waits for the partner.
    "awaits-create": (
        "",
        _(
            "Ask the partner to make a test agreement with us, or its copy of ours, and to tell us (IIA CNR)."
        ),
        "",
    ),
    "awaits-create-more": (
        "",
        _(
            "Ask the partner for one more test agreement, or its copy of our second one, and to tell us (IIA CNR)."
        ),
        "",
    ),
    "awaits-index": (
        "",
        _(
            "Ask the partner to have its system request its list of agreements with us (IIAs index)."
        ),
        "",
    ),
    "index-without-ours": (
        "theirs",
        _("The partner asked for our list in a way that leaves the test agreement out."),
        _(
            "It has to ask without an academic year, and for changes since a moment before the test."
        ),
    ),
    "awaits-get": ("", _FETCHES, _ASK_TO_FETCH),
    "awaits-edit": (
        "",
        _(
            "Ask the partner to change a number in its copy, or to take our change over, and to tell us (IIA CNR)."
        ),
        "",
    ),
    "awaits-edit-more": (
        "",
        _(
            "Ask the partner to change its copy once more, or to take our second change over, and to tell us (IIA CNR)."
        ),
        "",
    ),
    "awaits-get-edited": ("", _FETCHES, _ASK_TO_FETCH),
    "awaits-approval": (
        "",
        _("Ask the partner to approve our copy and to tell us (IIA Approval CNR)."),
        "",
    ),
    "awaits-check": (
        "",
        _("After our notification most systems ask by themselves (IIA Approval)."),
        _("If nothing happens, ask the partner to look at the approval."),
    ),
    "word-not-yet": ("", _("The partner has done it; word of it has not come yet."), ""),
    # Wrong.
    "no-word": (
        "theirs",
        _("The partner's agreement is there, but no notification of it came."),
        _SEND_WORD,
    ),
    "no-word-of-edit": (
        "theirs",
        _("The partner changed its copy, but no notification of it came."),
        _SEND_WORD,
    ),
    "no-word-of-approval": (
        "theirs",
        _("The partner has approved our copy, but no notification of it came."),
        _("The partner's system has to send a notification after every approval."),
    ),
    "not-in-index": (
        "theirs",
        _("The partner's list of agreements leaves out %(iia_id)s, of which it sent word before."),
        _TICKET,
    ),
    "not-served": (
        "theirs",
        _("The partner sent word of %(iia_id)s, but answers that there is no such agreement."),
        _(
            "Its system has to serve a change before it sends word of it. Send the text for a ticket."
        ),
    ),
    "approval-missing": (
        "theirs",
        _("The partner sent word of its approval, but its answer does not name our agreement."),
        _TICKET,
    ),
    "approval-of-earlier": (
        "theirs",
        _("The partner has approved an earlier version of our copy (%(digest)s)."),
        _("The partner has to fetch our present copy and approve that one."),
    ),
    "approval-other-hash": (
        "theirs",
        _("The partner names a hash that no version of our copy ever had (%(digest)s)."),
        _("The approval has to name the hash that stands in our copy, letter by letter."),
    ),
}
"""Code: whose fault, sentence, what to do. Calls that failed bring their own (`outcomes.py`, `explained.py`)."""

# With these the next steps can go on all the same.
_GOES_ON = frozenset({"no-word", "no-word-of-edit", "no-word-of-approval", "not-in-index"})

# Only our side can mend these obstacles to an approval; the others are the partner's.
_OURS_TO_MEND = frozenset({"not-mapped-by-us", "differs"})


# What happened ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call about agreements between us and the partner; `out`: we asked.

    `ids` were asked for or told of, `listed` stand in the answer, `hashes` there by agreement. `narrowed`: the list
    was asked for with a filter. `code`, `sentence`, `remedy`, `blame` and `facts` say how it ended.
    """

    pk: int
    at: datetime
    out: bool
    api: str
    endpoint: str = "url"
    ids: frozenset[str] = frozenset()
    good: bool = True
    listed: frozenset[str] = frozenset()
    hashes: Mapping[str, str] = field(default_factory=dict)
    narrowed: bool = False
    code: str = "ok"
    sentence: str = ""
    remedy: str = ""
    blame: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""


@dataclass(frozen=True)
class Version:
    """A version of a copy: when it was made or came, its hash, and what stands for its terms.

    `problem` is why a version of the partner's cannot be used.
    """

    at: datetime
    digest: str
    terms: str
    problem: str = ""
    pk: int = 0


@dataclass(frozen=True)
class Given:
    """An approval: of which hash, and when."""

    digest: str
    at: datetime


@dataclass(frozen=True)
class Ours:
    """A test agreement of ours, from its proposal on. `obstacles` are codes of what forbids approving."""

    iia_id: str
    code: str
    at: datetime
    versions: tuple[Version, ...]
    given: tuple[Given, ...] = ()
    taken: tuple[Given, ...] = ()
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Theirs:
    """A copy of the partner that is linked to ours (`of` is our id) or came since the trial began."""

    iia_id: str
    at: datetime
    versions: tuple[Version, ...] = ()
    of: str = ""


@dataclass(frozen=True)
class Waiting:
    """Word of ours that has not arrived: about which id, since when, and why it failed, empty while it just waits."""

    api: str
    object_id: str
    at: datetime
    code: str = ""
    sentence: str = ""
    remedy: str = ""
    blame: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """Everything that happened since a trial began, calls in their order; `older` ids the partner had before."""

    we_start: bool
    calls: tuple[Call, ...] = ()
    ours: tuple[Ours, ...] = ()
    theirs: tuple[Theirs, ...] = ()
    older: frozenset[str] = frozenset()
    waiting: tuple[Waiting, ...] = ()


# What follows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What shows it: an exchange by our number and the one both sides logged (X-Request-Id), or a hash."""

    at: datetime
    exchange: int | None = None
    digest: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Step:
    """One of the eighteen. `code` names what is to be told, `act` what can be done here now; texts are English."""

    number: int
    deed: Deed
    ours: bool
    state: State
    at: datetime | None = None
    code: str = ""
    sentence: str = ""
    remedy: str = ""
    blame: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    act: str = ""

    @property
    def goes_on(self) -> bool:
        """May the next steps begin?"""
        return self.state is State.DONE or self.code in _GOES_ON


@dataclass(frozen=True)
class _Told:
    """How a step stands, before it is known whether its turn has come."""

    state: State
    at: datetime | None = None
    code: str = ""
    sentence: str = ""
    remedy: str = ""
    blame: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    act: str = ""


def _done(*evidence: Evidence) -> _Told:
    return _Told(State.DONE, at=evidence[0].at, evidence=evidence)


def _says(state: State, code: str, *evidence: Evidence, act: str = "", **facts: str) -> _Told:
    blame, sentence, remedy = SAYS[code]
    at = evidence[0].at if evidence else None
    return _Told(state, at, code, sentence, remedy, blame, facts, evidence, act)


def _ended(told: Call | Waiting) -> _Told:
    """A call that failed, ours or the partner's."""
    shown = (_of(told),) if isinstance(told, Call) else ()
    return _Told(
        State.FAILED, told.at, told.code, told.sentence, told.remedy, told.blame, told.facts, shown
    )


def _of(call: Call, digest: str = "") -> Evidence:
    return Evidence(call.at, call.pk, digest, call.request_id)


def _edits(versions: Iterable[Version]) -> list[Version]:
    """Versions that say something else than the one before, from the first good one on; ids are no change."""
    found: list[Version] = []
    before: str | None = None
    for version in versions:
        if before is None and version.problem:
            continue
        if before is not None and version.terms != before:
            found.append(version)
        before = version.terms
    return found


class _Reading:
    """Looks for the evidence of each step in a story."""

    def __init__(self, story: Story, now: datetime) -> None:
        self._story = story
        self._now = now
        self._first = story.ours[0] if story.ours else None
        self._words = self._words_of_partner()
        self._copies = self._copies_of_partner()
        self._first_theirs = self._copies[0] if self._copies else ""

    def _calls(
        self,
        *,
        out: bool,
        api: str,
        endpoint: str = "url",
        about: str = "",
        since: datetime | None = None,
    ) -> list[Call]:
        return [
            call
            for call in self._story.calls
            if (call.out, call.api, call.endpoint) == (out, api, endpoint)
            and (not about or about in call.ids)
            and (since is None or call.at >= since)
        ]

    def _words_of_partner(self) -> dict[str, Call]:
        """The first word of each agreement that the partner has made since the beginning."""
        found: dict[str, Call] = {}
        linked = {each.iia_id for each in self._story.theirs if each.of}
        changed = {each.iia_id: self._before_change(each, 0) for each in self._story.theirs}
        for call in self._calls(out=False, api=IIA_CNR.element):
            for iia_id in sorted(call.ids) if call.good else ():
                until = changed.get(iia_id)
                if until is not None and call.at > until:
                    continue  # word of the change, not of the agreement
                if iia_id in linked or iia_id not in self._story.older:
                    found.setdefault(iia_id, call)
        return found

    def _before_change(self, copy: Theirs, which: int) -> datetime | None:
        """The last moment at which this change of the partner's is known not to have been there; None without it."""
        edits = _edits(copy.versions)
        if len(edits) <= which:
            return None
        edit = edits[which]
        moments = [version.at for version in copy.versions if version.at < edit.at] + [
            call.at
            for call in self._gets(out=True, about=copy.iia_id)
            if call.good
            and call.at < edit.at
            and call.hashes.get(copy.iia_id, edit.digest) != edit.digest
        ]
        return max(moments, default=copy.at)

    def _copies_of_partner(self) -> list[str]:
        """Ids of the partner's test agreements: those linked to ours in their order, then others as they came."""
        ours = [each.iia_id for each in self._story.ours]
        linked = {each.of: each.iia_id for each in self._story.theirs if each.of}
        others = [(each.at, each.iia_id) for each in self._story.theirs if not each.of]
        known = {each.iia_id for each in self._story.theirs}
        others += [(call.at, iia_id) for iia_id, call in self._words.items() if iia_id not in known]
        free = [iia_id for _at, iia_id in sorted(others)]
        found = [linked.get(iia_id, "") for iia_id in ours]
        while len(found) < 2 or "" in found:
            if not free:
                break
            iia_id = free.pop(0)
            if "" in found:
                found[found.index("")] = iia_id
            else:
                found.append(iia_id)
        return found

    def _theirs(self, iia_id: str) -> Theirs | None:
        return next((each for each in self._story.theirs if each.iia_id == iia_id), None)

    # Steps ----------------------------------------------------------------------------------------

    def told(self, deed: Deed, *, ours: bool) -> _Told:
        """How it stands with a deed of ours or the partner's."""
        name = {
            Deed.CREATE_MORE: "create",
            Deed.EDIT_MORE: "edit",
        }.get(deed, deed.value.replace("-", "_"))
        which = 1 if deed in {Deed.CREATE_MORE, Deed.EDIT_MORE} else 0
        look = getattr(self, f"_{name}_{'ours' if ours else 'theirs'}")
        told: _Told = look(which) if name in {"create", "edit"} else look()
        return told

    def _our_word(self, api: str, about: str, since: datetime, *, digest: str) -> _Told:
        """Has word of what we did arrived at the partner?"""
        sent = self._calls(out=True, api=api, about=about, since=since)
        if arrived := next((call for call in sent if call.good), None):
            return _done(_of(arrived, digest))
        if sent:
            return _ended(sent[-1])
        waits = [
            each
            for each in self._story.waiting
            if (each.api, each.object_id) == (api, about) and each.code
        ]
        if waits:
            return _ended(waits[-1])
        return _says(State.OURS, "word-on-its-way", Evidence(since, digest=digest))

    def _their_word(
        self, api: str, about: str, since: datetime, seen: Version, *, lacking: str
    ) -> _Told:
        """Has word come of something the partner has done, as we see?"""
        came = self._calls(out=False, api=api, about=about, since=since)
        if good := next((call for call in came if call.good), None):
            return _done(_of(good, seen.digest))
        if refused := self._refused(api, since):
            return refused
        seen_at = Evidence(seen.at, digest=seen.digest)
        if self._now - seen.at > GRACE:
            return _says(State.FAILED, lacking, seen_at)
        return _says(State.PARTNER, "word-not-yet", seen_at)

    def _refused(self, api: str, since: datetime | None, endpoint: str = "url") -> _Told | None:
        """The partner's last request of this kind, if we refused it."""
        came = self._calls(out=False, api=api, endpoint=endpoint, since=since)
        return _ended(came[-1]) if came and not came[-1].good else None

    def _create_ours(self, which: int) -> _Told:
        made = self._story.ours[which : which + 1]
        if made:
            return self._our_word(
                IIA_CNR.element, made[0].iia_id, made[0].at, digest=made[0].versions[0].digest
            )
        if self._story.we_start:
            return _says(State.OURS, "to-create", act="create")
        return _says(State.OURS, "to-take-in", act="take-in")

    def _create_theirs(self, which: int) -> _Told:
        iia_id = self._copies[which] if which < len(self._copies) else ""
        before = self._words.get(self._copies[which - 1]) if which and self._copies else None
        if call := self._words.get(iia_id):
            return _done(_of(call))
        since = before.at if before else None
        if refused := self._refused(IIA_CNR.element, since):
            return refused
        copy = self._theirs(iia_id)
        if copy is None:
            return _says(State.PARTNER, "awaits-create-more" if which else "awaits-create")
        seen = Evidence(copy.at)
        if self._now - copy.at > GRACE:
            return _says(State.FAILED, "no-word", seen)
        return _says(State.PARTNER, "word-not-yet", seen)

    def _index_ours(self) -> _Told:
        asked = self._calls(out=True, api=IIAS.element, endpoint="index-url")
        listing = [call for call in asked if call.good and self._first_theirs in call.listed]
        if self._first_theirs and listing:
            return _done(_of(listing[0]))
        last = asked[-1] if asked else None
        if last and not last.good:
            told = _ended(last)
            return _Told(**{**told.__dict__, "act": "index"})
        word = self._words.get(self._first_theirs)
        whole = [call for call in asked if word and not call.narrowed and call.at >= word.at]
        if whole:
            return _says(
                State.FAILED,
                "not-in-index",
                _of(whole[-1]),
                act="index",
                iia_id=self._first_theirs,
            )
        return _says(State.OURS, "to-index", act="index")

    def _index_theirs(self) -> _Told:
        asked = self._calls(out=False, api=IIAS.element, endpoint="index-url")
        if self._first is None:
            return _says(State.PARTNER, "awaits-index")
        ours = self._first.iia_id
        if found := next((call for call in asked if call.good and ours in call.listed), None):
            return _done(_of(found))
        since = self._first.at
        if refused := self._refused(IIAS.element, since, "index-url"):
            return refused
        if late := [call for call in asked if call.at >= since]:
            return _says(State.PARTNER, "index-without-ours", _of(late[-1]))
        return _says(State.PARTNER, "awaits-index")

    def _gets(self, *, out: bool, about: str) -> list[Call]:
        return self._calls(out=out, api=IIAS.element, endpoint="get-url", about=about)

    def _got(self, versions: tuple[Version, ...]) -> _Told | None:
        """Does a call of ours show that one of these versions came, and is it good?"""
        if versions and versions[-1].problem:
            last = versions[-1]
            calls = [call for call in self._gets(out=True, about=self._first_theirs) if call.good]
            seen = _of(calls[-1], last.digest) if calls else Evidence(last.at, digest=last.digest)
            sentence = words.PROBLEMS.get(last.problem, words.PROBLEMS["unreadable"])
            return _Told(
                State.FAILED, last.at, last.problem, sentence, _TICKET, "theirs", evidence=(seen,), act="get"
            )  # fmt: skip
        good = {version.digest for version in versions if not version.problem}
        for call in self._gets(out=True, about=self._first_theirs):
            if call.good and call.hashes.get(self._first_theirs) in good:
                return _done(_of(call, call.hashes[self._first_theirs]))
        return None

    def _get_ours(self) -> _Told:
        copy = self._theirs(self._first_theirs)
        edits = _edits(copy.versions) if copy else []
        until = edits[0].at if edits else None
        early = [v for v in copy.versions if until is None or v.at < until] if copy else []
        if told := self._got(tuple(early)):
            return told
        calls = self._gets(out=True, about=self._first_theirs) if self._first_theirs else []
        if calls and not calls[-1].good:
            return _Told(**{**_ended(calls[-1]).__dict__, "act": "get"})
        if calls and not copy:
            return _says(
                State.FAILED, "not-served", _of(calls[-1]), act="get", iia_id=self._first_theirs
            )
        return _says(State.OURS, "to-get", act="get" if self._first_theirs else "")

    def _get_theirs(self) -> _Told:
        if self._first is None:
            return _says(State.PARTNER, "awaits-get")
        ours = self._first.iia_id
        for call in self._gets(out=False, about=ours):
            if call.good and ours in call.listed:
                return _done(_of(call, call.hashes.get(ours, "")))
        refused = self._refused(IIAS.element, self._first.at, "get-url")
        return refused or _says(State.PARTNER, "awaits-get")

    def _edit_ours(self, which: int) -> _Told:
        edits = _edits(self._first.versions) if self._first else []
        if self._first and len(edits) > which:
            edit = edits[which]
            return self._our_word(IIA_CNR.element, self._first.iia_id, edit.at, digest=edit.digest)
        obstacles = self._first.obstacles if self._first else ()
        copy = self._theirs(self._first_theirs)
        if "no-copy" in obstacles and copy is not None and not copy.of:
            return _says(State.OURS, "to-link", act="link")
        if "not-mapped-by-partner" in obstacles or "no-copy" in obstacles:
            code = "no-copy" if "no-copy" in obstacles else "not-mapped-by-partner"
            return _Told(State.PARTNER, code=code, sentence=words.OBSTACLES[code])
        if "not-mapped-by-us" in obstacles:
            return _Told(
                State.OURS, code="not-mapped-by-us", sentence=words.OBSTACLES["not-mapped-by-us"]
            )
        return _says(State.OURS, "to-edit", act="edit")

    def _edit_theirs(self, which: int) -> _Told:
        copy = self._theirs(self._first_theirs)
        edits = _edits(copy.versions) if copy else []
        if copy and len(edits) > which:
            edit = edits[which]
            since = self._before_change(copy, which) or copy.at
            return self._their_word(
                IIA_CNR.element, copy.iia_id, since, edit, lacking="no-word-of-edit"
            )
        last = copy.versions[-1].at if copy and copy.versions else None
        refused = self._refused(IIA_CNR.element, last)
        return refused or _says(State.PARTNER, "awaits-edit-more" if which else "awaits-edit")

    def _get_edited_ours(self) -> _Told:
        copy = self._theirs(self._first_theirs)
        edits = _edits(copy.versions) if copy else []
        late = [v for v in copy.versions if v.at >= edits[1].at] if copy and len(edits) > 1 else []
        if told := self._got(tuple(late)):
            return told
        return _says(State.OURS, "to-get", act="get")

    def _late_ours(self) -> list[Version]:
        """Versions of our copy from our second change on."""
        edits = _edits(self._first.versions) if self._first else []
        if self._first is None or len(edits) < 2:
            return []
        return [version for version in self._first.versions if version.at >= edits[1].at]

    def _get_edited_theirs(self) -> _Told:
        late = self._late_ours()
        if self._first is None or not late:
            return _says(State.PARTNER, "awaits-get-edited")
        ours, digests = self._first.iia_id, {version.digest for version in late}
        for call in self._gets(out=False, about=ours):
            if call.good and call.hashes.get(ours) in digests:
                return _done(_of(call, call.hashes[ours]))
        refused = self._refused(IIAS.element, late[0].at, "get-url")
        return refused or _says(State.PARTNER, "awaits-get-edited")

    def _given(self) -> Given | None:
        """Our newest approval of the partner's copy after its second change."""
        copy = self._theirs(self._first_theirs)
        edits = _edits(copy.versions) if copy else []
        if self._first is None or copy is None or len(edits) < 2:
            return None
        late = {version.digest for version in copy.versions if version.at >= edits[1].at}
        return next((one for one in reversed(self._first.given) if one.digest in late), None)

    def _approve_ours(self) -> _Told:
        given = self._given()
        if given is not None:
            return self._our_word(
                APPROVAL_CNR.element, self._first_theirs, given.at, digest=given.digest
            )
        obstacles = self._first.obstacles if self._first else ()
        if "differs" in obstacles:
            return _says(State.OURS, "to-take-theirs", act="take-theirs")
        if found := next((one for one in obstacles if one != "approved"), None):
            state = State.OURS if found in _OURS_TO_MEND else State.PARTNER
            return _Told(state, code=found, sentence=words.OBSTACLES[found])
        return _says(State.OURS, "to-approve", act="approve")

    def _approve_theirs(self) -> _Told:
        late = self._late_ours()
        if self._first is None or not late:
            return _says(State.PARTNER, "awaits-approval")
        digests = {version.digest for version in late}
        taken = next((one for one in self._first.taken if one.digest in digests), None)
        api, since = APPROVAL_CNR.element, late[0].at
        if taken is not None:
            seen = Version(taken.at, taken.digest, "")
            return self._their_word(
                api, self._first.iia_id, since, seen, lacking="no-word-of-approval"
            )
        came = self._calls(out=False, api=api, about=self._first.iia_id, since=since)
        if good := next((call for call in came if call.good), None):
            return _done(_of(good))
        return self._refused(api, since) or _says(State.PARTNER, "awaits-approval")

    def _check_ours(self) -> _Told:
        late = self._late_ours()
        if self._first is None or not late:
            return _says(State.OURS, "to-check")
        ours, since = self._first.iia_id, late[0].at
        asked = self._calls(out=True, api=APPROVAL.element, about=ours, since=since)
        digests = {version.digest for version in late}
        for call in asked:
            if call.good and call.hashes.get(ours) in digests:
                return _done(_of(call, call.hashes[ours]))
        words_of_it = self._calls(out=False, api=APPROVAL_CNR.element, about=ours, since=since)
        told_at = next((call.at for call in words_of_it if call.good), None)
        asked = [call for call in asked if told_at and call.at >= told_at]
        if not asked:
            return _says(State.OURS, "to-check", act="check")
        last = asked[-1]
        if not last.good:
            return _Told(**{**_ended(last).__dict__, "act": "check"})
        named = last.hashes.get(ours, "")
        if not named:
            code = "approval-missing"
        elif named in {version.digest for version in self._first.versions}:
            code = "approval-of-earlier"
        else:
            code = "approval-other-hash"
        return _says(State.FAILED, code, _of(last, named), act="check", digest=named)

    def _check_theirs(self) -> _Told:
        given = self._given()
        if given is None:
            return _says(State.PARTNER, "awaits-check")
        api, theirs = APPROVAL.element, self._first_theirs
        for call in self._calls(out=False, api=api, about=theirs, since=given.at):
            if call.good and call.hashes.get(theirs) == given.digest:
                return _done(_of(call, given.digest))
        return self._refused(api, given.at) or _says(State.PARTNER, "awaits-check")


def steps(story: Story, *, now: datetime) -> tuple[Step, ...]:
    """How each of the eighteen stands. A step before its turn waits, unless it was done or went wrong already."""
    reading = _Reading(story, now)
    made: list[Step] = []
    for number, (deed, is_a) in enumerate(ORDER, start=1):
        ours = is_a == story.we_start
        told = reading.told(deed, ours=ours)
        early = any(not made[one - 1].goes_on for one in _NEEDS.get(number, ()))
        if early and told.state in {State.OURS, State.PARTNER}:
            told = _Told(State.LATER)
        made.append(Step(number, deed, ours, **told.__dict__))
    return tuple(made)

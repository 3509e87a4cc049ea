"""Where the conversation about one agreement stands, and whose turn it is: computed, never stored.

Six hashes say it all. Each side serves its own copy; each side says which version of the other's copy it has
approved; and the pair at which both approvals held last is what binds the parties until the next such pair.
Source: EWP IIAs 7 and IIA Approval 2, life cycle of an agreement (reference, 4.1 and 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state people see."""

    DRAFT = "draft"  # only we know of it
    RECEIVED = "received"  # the partner proposed, we have no copy of our own yet
    PROPOSED = "proposed"  # the partner may see it; the copies do not name each other yet
    MAPPED = "mapped"  # both copies name each other; nothing approved
    APPROVED_BY_US = "approved-by-us"
    APPROVED_BY_PARTNER = "approved-by-partner"
    IN_FORCE = "in-force"
    MODIFICATION = "modification"  # in force as approved last, while a change is talked about
    TERMINATION = "termination"  # the same, and the change is to end it as a whole
    TERMINATED = "terminated"
    IGNORED = "ignored"  # received, and set aside by us
    DELETED = "deleted"

    @property
    def binds(self) -> bool:
        """Are there terms in force?"""
        return self in {State.IN_FORCE, State.MODIFICATION, State.TERMINATION}


class Turn(StrEnum):
    """Who has to do something next."""

    OURS = "ours"
    PARTNER = "partner"
    NOBODY = "nobody"


class Next(StrEnum):
    """What has to be done next, by whoever's turn it is."""

    SHARE = "share"  # we: finish the draft and propose it
    ANSWER = "answer"  # we: take the proposal into a copy of our own, or set it aside
    TAKE_UP = "take-up"  # partner: make its copy
    NAME_OURS = "name-ours"  # partner: name our id in its copy
    NAME_THEIRS = "name-theirs"  # we: our copy must name the partner's id
    AGREE = "agree"  # we or the partner: the copies differ
    APPROVE = "approve"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Mutual:
    """The pair of hashes at which both approvals held last, and whether those copies end the agreement."""

    ours: str
    theirs: str
    terminates: bool = False


@dataclass(frozen=True)
class Standing:
    """Everything the state follows from. Hashes are lower-case hex, empty when there is none.

    `ours` is the hash of the copy we serve, `theirs` that of the partner's last good copy, `given` the hash of the
    partner's copy that we approved, `received` the hash of ours that the partner says it has approved.
    `names_theirs` and `names_ours`: does our copy name the partner's id, and theirs ours?
    """

    shared: bool
    ours: str = ""
    theirs: str = ""
    given: str = ""
    received: str = ""
    names_theirs: bool = False
    names_ours: bool = False
    mutual: Mutual | None = None
    deleted: bool = False
    ignored: bool = False
    ours_terminates: bool = False
    theirs_terminates: bool = False
    equivalent: bool = False  # do the two copies say the same?
    approved_agree: bool = False  # do the two copies that were approved last say the same?
    last_edit_ours: bool = True  # who changed their copy last

    @property
    def is_mapped(self) -> bool:
        """Do both copies name each other? Only then may anybody approve."""
        return self.names_theirs and self.names_ours

    @property
    def approved_by_us(self) -> bool:
        """Have we approved the partner's copy as it is now?"""
        return bool(self.theirs) and self.given == self.theirs

    @property
    def approved_by_partner(self) -> bool:
        """Has the partner approved our copy as it is now?"""
        return bool(self.ours) and self.received == self.ours

    @property
    def is_mutual(self) -> bool:
        """Do both approvals hold now?"""
        return self.is_mapped and self.approved_by_us and self.approved_by_partner

    @property
    def binds_anew(self) -> bool:
        """Have both sides approved a pair that is not the one known to bind?

        Statements are bound to hashes and travel with delay: the partner may have approved our copy just before we
        changed it again. What both approved binds all the same, as long as the two texts agree; otherwise one side
        would hold something in force of which the other knows nothing.
        """
        if not (self.given and self.received and self.is_mapped):
            return False
        if self.mutual and (self.received, self.given) == (self.mutual.ours, self.mutual.theirs):
            return False
        return self.is_mutual or self.approved_agree

    @property
    def moved(self) -> bool:
        """Has either side moved away from what was approved by both?"""
        return self.mutual is not None and (
            self.ours != self.mutual.ours or self.theirs != self.mutual.theirs
        )

    @property
    def can_revert(self) -> bool:
        """Would serving the approved copy again need no new approval? (T10: the partner's approval still names it.)"""
        return (
            self.mutual is not None
            and self.ours != self.mutual.ours
            and self.received == self.mutual.ours
        )

    @property
    def partner_reverted(self) -> bool:
        """Has the partner gone back to what was approved, and we have not?"""
        return (
            self.mutual is not None
            and self.theirs == self.mutual.theirs
            and self.ours != self.mutual.ours
        )

    @property
    def state(self) -> State:  # noqa: PLR0911 - the table of the reference, row by row
        """The state of the reference's table 4.2."""
        if self.deleted:
            return State.DELETED
        if not self.ours:
            return State.IGNORED if self.ignored else State.RECEIVED
        if not self.shared:
            return State.DRAFT
        if self.is_mutual or (self.mutual is not None and not self.moved):
            ends = (
                self.mutual.terminates if self.mutual and not self.moved else self.ours_terminates
            )
            return State.TERMINATED if ends else State.IN_FORCE
        if self.mutual is not None:
            if self.mutual.terminates:
                return State.TERMINATED if not self._reopened else State.MODIFICATION
            ending = self.ours_terminates or self.theirs_terminates
            return State.TERMINATION if ending else State.MODIFICATION
        if not self.is_mapped:
            return State.PROPOSED
        if self.approved_by_us:
            return State.APPROVED_BY_US
        if self.approved_by_partner:
            return State.APPROVED_BY_PARTNER
        return State.MAPPED

    @property
    def _reopened(self) -> bool:
        """A terminated agreement is talked about again: some copy no longer carries the flag."""
        return not (self.ours_terminates and self.theirs_terminates)

    @property
    def next(self) -> tuple[Turn, Next]:  # noqa: PLR0911 - one line per situation
        """Whose turn it is, and to do what."""
        state = self.state
        if state in {State.DELETED, State.IGNORED, State.IN_FORCE, State.TERMINATED}:
            return Turn.NOBODY, Next.NOTHING
        if state is State.DRAFT:
            return Turn.OURS, Next.SHARE
        if state is State.RECEIVED:
            return Turn.OURS, Next.ANSWER
        if not self.theirs:
            return Turn.PARTNER, Next.TAKE_UP
        if not self.names_theirs:
            return Turn.OURS, Next.NAME_THEIRS
        if not self.names_ours:
            return Turn.PARTNER, Next.NAME_OURS
        if not self.equivalent:
            return (Turn.PARTNER if self.last_edit_ours else Turn.OURS), Next.AGREE
        if not self.approved_by_us:
            return Turn.OURS, Next.APPROVE
        return Turn.PARTNER, Next.APPROVE

"""Every verb of the conversation about an agreement, whatever the channel. Numbers T1–T17 are the reference's.

Partners' systems, guests, files and our own people come through the same doors. Each action locks the agreement,
journals one line, and ends in `serving.settle`. Callers use `actions.approve` and the like, wherever it stands.
"""

from __future__ import annotations

from vaihto.agreements.actions.approvals import (
    approve,
    heard,
    obstacles,
    receive_approval,
    withdraw_approval,
)
from vaihto.agreements.actions.copies import (
    SECOND_LOOK_AFTER,
    ignore,
    link,
    link_instead,
    miss_copy,
    receive_copy,
    take_in,
    take_theirs,
    unlink,
)
from vaihto.agreements.actions.desk import (
    BoundForGood,
    InUse,
    LinkedElsewhere,
    NotApprovable,
    NotReady,
    Unsound,
    WrongState,
    unsound,
)
from vaihto.agreements.actions.drafts import (
    create,
    edit,
    edit_particulars,
    next_code,
    propose,
    propose_again,
    remark,
)
from vaihto.agreements.actions.endings import (
    delete,
    revert,
    terminate,
)
from vaihto.agreements.actions.texts import (
    begin_alliance_agreement,
    bind,
    bring_in_step,
    close_alliance_agreement,
    consent,
    drop_text,
    faults,
    follow_text,
    put_text,
    release,
    set_members,
    take_text,
    write_text,
)

__all__ = [
    "SECOND_LOOK_AFTER",
    "BoundForGood",
    "InUse",
    "LinkedElsewhere",
    "NotApprovable",
    "NotReady",
    "Unsound",
    "WrongState",
    "approve",
    "begin_alliance_agreement",
    "bind",
    "bring_in_step",
    "close_alliance_agreement",
    "consent",
    "create",
    "delete",
    "drop_text",
    "edit",
    "edit_particulars",
    "faults",
    "follow_text",
    "heard",
    "ignore",
    "link",
    "link_instead",
    "miss_copy",
    "next_code",
    "obstacles",
    "propose",
    "propose_again",
    "put_text",
    "receive_approval",
    "receive_copy",
    "release",
    "remark",
    "revert",
    "set_members",
    "take_in",
    "take_text",
    "take_theirs",
    "terminate",
    "unlink",
    "unsound",
    "withdraw_approval",
    "write_text",
]

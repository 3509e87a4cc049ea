"""Every change to institutions: what files bring, what an institution chooses, and what it tells its partners."""

from vaihto.institutions.actions.capabilities import (
    answer_survey,
    bring_abilities,
    plan_abilities,
)
from vaihto.institutions.actions.contacts import (
    add_contact,
    edit_contact,
    move_contact,
    remove_contact,
)
from vaihto.institutions.actions.factsheets import edit_factsheet
from vaihto.institutions.actions.institutions import (
    CHOICES_CHANGED,
    INSTITUTION_CHANGED,
    bring_headcounts,
    bring_institutions,
    choose,
    declare_holds_everything,
    edit,
    plan_headcounts,
    plan_institutions,
)
from vaihto.institutions.actions.profiles import edit_profile
from vaihto.institutions.actions.units import (
    add_unit,
    choose_root,
    edit_unit,
    expose_units,
    remove_unit,
)

__all__ = [
    "CHOICES_CHANGED",
    "INSTITUTION_CHANGED",
    "add_contact",
    "add_unit",
    "answer_survey",
    "bring_abilities",
    "bring_headcounts",
    "bring_institutions",
    "choose",
    "choose_root",
    "declare_holds_everything",
    "edit",
    "edit_contact",
    "edit_factsheet",
    "edit_profile",
    "edit_unit",
    "expose_units",
    "move_contact",
    "plan_abilities",
    "plan_headcounts",
    "plan_institutions",
    "remove_contact",
    "remove_unit",
]

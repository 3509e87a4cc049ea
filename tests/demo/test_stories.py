"""What docs/demo.md promises about each told person is what the rules say of them."""

from __future__ import annotations

from vaihto.demo.building import Built
from vaihto.demo.stories import STORIES
from vaihto.mobilities.models import Side

# Per person: verdicts as scheme -> (counted, kind or reason), days of the periods, notes that must be there.
SAID: dict[str, tuple[dict[str, tuple[bool, str]], list[int], set[str]]] = {
    "Aino Virtanen": ({"oph": (True, "long_outgoing")}, [87], {"N_DAYCOUNT_BORDERLINE"}),
    "Eino Korhonen": ({"oph": (True, "short_outgoing")}, [86], set()),
    "Helmi Laine": (
        {"oph": (False, "X_TOO_SHORT_OPH"), "tk": (True, "short")},
        [5],
        {"N_BLENDED", "N_VIRTUAL_OUTSIDE_NOT_COUNTED"},
    ),
    "Onni Niemi": (
        {"oph": (True, "long_outgoing")},
        [91],
        {"N_BLENDED", "N_VIRTUAL_BETWEEN_COUNTED"},
    ),
    "Venla Salmi": ({"oph": (True, "long_outgoing")}, [285], {"N_DOUBLE_DEGREE"}),
    "Leo Mäkelä": (
        {"oph": (True, "long_outgoing"), "tk": (True, "long")},
        [145],
        {"N_COVID_REMOTE_COUNTED"},
    ),
    "Sofia Ahonen": (
        {"oph": (False, "X_AFTER_GRADUATION"), "virta": (False, "X_AFTER_GRADUATION")},
        [89],
        set(),
    ),
    "Elias Ranta": ({"oph": (True, "long_outgoing")}, [411], {"N_OVER_12_MONTHS"}),
    "Riikka Vuori": ({"oph": (True, "long_outgoing")}, [150], {"N_DOCTORAL_OVERLAP"}),
    "Väinö Kallio": ({"virta": (True, "sent")}, [60], {"N_END_ESTIMATED"}),
    "Iida Peltola": (
        {
            "alliance": (True, "virtual"),
            "oph": (False, "X_FULLY_VIRTUAL"),
            "tk": (False, "X_FULLY_VIRTUAL"),
            "virta": (False, "X_FULLY_VIRTUAL"),
        },
        [],
        set(),
    ),
    "Kerttu Hiltunen": ({"oph": (True, "short_outgoing")}, [49, 56], {"N_MULTIPLE_IN_YEAR"}),
    "Lucia Marino": ({"oph": (True, "long_incoming")}, [108], set()),
    "Tiago Ferreira": ({"oph": (False, "X_INCOMING_HAS_DEGREE_RIGHT")}, [271], set()),
    "Johanna Vogt": ({"oph": (True, "short_outgoing")}, [14], {"N_NESTED_OUTGOING"}),
    "Chiara Rossi": ({"tk": (False, "X_INCOMING_NOT_TK")}, [131], set()),
    "Ville Saarinen": ({"okm": (True, "short"), "alliance": (True, "physical")}, [], set()),
    "Noora Tuominen": (
        {"okm": (False, "short"), "alliance": (False, "X_CONFERENCE_ONLY")},
        [],
        set(),
    ),
}


def test_every_told_person_has_an_expectation() -> None:
    assert {story.person for story in STORIES} == set(SAID)


def test_the_rules_say_of_each_told_person_what_the_story_tells(tiny: Built) -> None:
    for story in STORIES:
        verdicts, days, notes = SAID[story.person]
        side = Side.objects.get(institution__hei_id=story.institution, key=story.mobility)
        said: dict[str, set[tuple[bool | None, str]]] = {}
        for verdict in side.verdicts.all():
            said.setdefault(verdict.scheme, set()).add(
                (verdict.included, verdict.reason_code or verdict.kind)
            )
        expected = {scheme: {answer} for scheme, answer in verdicts.items()}
        assert {scheme: said.get(scheme) for scheme in expected} == expected, story.person
        periods = side.periods.order_by("index")
        assert [period.days for period in periods] == days, story.person
        assert notes <= set(side.judgement.note_codes), story.person


def test_giving_up_the_double_degree_left_one_right_with_two_spells(tiny: Built) -> None:
    side = Side.objects.get(institution__hei_id="tuulisalmi.example", key="T-900005-1")
    assert side.right is not None
    spells = list(side.right.spells.order_by("start").values_list("end", "classifications"))
    assert [classes for _, classes in spells] == [["7"], []]
    assert spells[0][0].isoformat() == "2025-03-14"

"""Sentences of the reason and note codes: why something is not counted, and what is worth knowing."""

from __future__ import annotations

from functools import lru_cache

from vaihto.rules.declarations import ROOM, documents, in_languages


@lru_cache(maxsize=1)
def reasons() -> dict[str, dict[str, str]]:
    """Every code in the order of the reference, with its sentence by language."""
    third = list(documents(ROOM / "finland.yaml"))[2]
    return {
        code: in_languages(texts, where=f"finland.yaml: {code}") for code, texts in third.items()
    }


def reason(code: str, language: str = "en") -> str:
    """The sentence of a code in the reader's language."""
    texts = reasons()[code]
    return texts.get(language) or texts["en"]

"""Invented values for messages, and how two documents are compared."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from vaihto.ewp.protocol.types import AcademicTerm, Address, Contact, Phone

# What XML can carry, without the characters that a reader may take for blanks around a value.
WORDS = (
    st.text(
        st.characters(
            codec="utf-8",
            exclude_categories=["Cs", "Cc"],
            exclude_characters="\ufffe\uffff",
            include_characters="\n\t<>&\"'",
        ),
        min_size=1,
        max_size=20,
    )
    .map(str.strip)
    .filter(bool)
)
LINES = WORDS.map(lambda words: words.replace("\n", " "))
IDS = st.text(string.ascii_letters + string.digits + "!~-_./:{}<&", min_size=1, max_size=64)
HEI_IDS = st.from_regex(r"[a-z]{1,9}(-[a-z]{1,5})?\.(example|ac\.example)", fullmatch=True)
LANGUAGES = st.sampled_from(["", "en", "fi", "sv", "de-CH", "sr-Latn"])
_HOST = st.from_regex(r"[a-z0-9]{1,8}(\.[a-zäö]{2,5}){1,2}(:[0-9]{1,5})?", fullmatch=True)
_PATH = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/?ä日", max_size=20)
_REST = st.builds(lambda path, mark: f"/{path}{mark}", _PATH, st.sampled_from(["", "#a", "%20x"]))
HTTPS = st.builds(lambda host, rest: f"https://{host}{rest}", _HOST, st.just("") | _REST)
HTTP = HTTPS | HTTPS.map(lambda url: url.replace("https", "http", 1))
EMAILS = st.from_regex(r"[a-z+'.]{1,9}@[a-z-]{1,9}(\.[a-z]{2,5}){1,2}", fullmatch=True)
DAYS = st.dates()
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=0, max_value=9999)


def texts(of: st.SearchStrategy[str] = WORDS, *, least: int = 0) -> st.SearchStrategy[Any]:
    """Pairs of language and text."""
    return st.lists(st.tuples(LANGUAGES, of), min_size=least, max_size=3).map(tuple)


def some(of: st.SearchStrategy[Any], *, least: int = 0, most: int = 2) -> st.SearchStrategy[Any]:
    """A few of these as a tuple."""
    return st.lists(of, min_size=least, max_size=most).map(tuple)


MAYBE = st.just("") | WORDS
PHONES = st.builds(
    Phone, e164=st.from_regex(r"\+[0-9]{1,15}", fullmatch=True), ext=MAYBE, other=MAYBE
) | st.builds(Phone, other=WORDS)
_COUNTRIES = st.sampled_from(["", "FI", "SE", "GR"])
ADDRESSES = st.builds(
    Address,
    recipients=some(WORDS),
    lines=some(WORDS, most=4),
    postal_code=MAYBE,
    locality=MAYBE,
    region=MAYBE,
    country=_COUNTRIES,
) | st.builds(
    Address,
    recipients=some(WORDS),
    building_number=MAYBE,
    building_name=MAYBE,
    street=MAYBE,
    unit=MAYBE,
    floor=MAYBE,
    post_office_box=MAYBE,
    delivery_points=some(WORDS),
    postal_code=MAYBE,
    country=_COUNTRIES,
)
CONTACTS = st.builds(
    Contact,
    names=texts(least=1),
    given_names=texts(),
    family_names=texts(),
    gender=st.sampled_from(["", "0", "1", "2", "9"]),
    phones=some(PHONES),
    faxes=some(PHONES),
    emails=some(EMAILS),
    street_address=st.none() | ADDRESSES,
    mailing_address=st.none() | ADDRESSES,
    roles=texts(),
)
TERMS = st.builds(
    AcademicTerm,
    year=st.from_regex(r"[0-9]{4}/[0-9]{4}", fullmatch=True),
    names=texts(least=1),
    start=DAYS,
    end=DAYS,
    ewp_id=st.just("") | st.from_regex(r"[0-9]{4}/[0-9]{4}-[1-9]/[1-9]", fullmatch=True),
)


def content(document: bytes) -> str:
    """A document as it compares: canonical, without prefixes, blanks between elements and empty wrappers.

    A wrapper of a list that holds nothing says the same as no wrapper.
    """
    root = etree.fromstring(document, etree.XMLParser(remove_blank_text=True))
    for wrapper in [*root.iter("{*}specifies"), *root.iter("{*}contains")]:
        parent = wrapper.getparent()
        if not len(wrapper) and parent is not None:
            parent.remove(wrapper)
    text = etree.tostring(root, encoding="unicode")
    return etree.canonicalize(text, strip_text=True, rewrite_prefixes=True)

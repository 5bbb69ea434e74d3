from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.receipt import (
    FileRecord,
    FolderRecord,
    Receipt,
    encode,
    fingerprint,
)

TEXT = st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
PATH = st.text("ab/é \n", min_size=1).map(PurePosixPath)
MODE = st.integers(0, 0o7777)
FILE = st.builds(
    FileRecord, PATH, st.none() | TEXT, st.none() | MODE, st.none() | st.text()
)
RECEIPT = st.builds(
    Receipt,
    st.text(),
    st.lists(FILE).map(tuple),
    st.lists(PATH).map(tuple),
    st.lists(st.builds(FolderRecord, PATH, MODE)).map(tuple),
)


@given(RECEIPT)
def test_json_holds_everything(receipt: Receipt) -> None:
    text = receipt.to_json()
    assert text.isascii()
    assert Receipt.from_json(text) == receipt


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbfa\r\n", b"caf\xe9", "é".encode()])
def test_fingerprints_are_of_the_bytes_on_disk(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert encode(text) == data
    assert fingerprint(text) == hashlib.sha256(data).hexdigest()


def test_no_file_has_no_fingerprint() -> None:
    assert fingerprint(None) is None

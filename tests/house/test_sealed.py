"""Secrets in the database, sealed with a key that is not in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.foundation.sealed import CannotUnseal, seal, unseal


@given(plain=st.binary(max_size=200), context=st.text(max_size=40))
def test_what_is_sealed_opens_for_the_same_thing_only(plain: bytes, context: str) -> None:
    sealed = seal(plain, context=context)

    assert unseal(sealed, context=context) == plain
    with pytest.raises(CannotUnseal):
        unseal(sealed, context=context + "x")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert seal(b"text", context="a") != seal(b"text", context="a")


@pytest.mark.parametrize("position", [0, 1, 12, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(seal(b"a secret of some length", context="a"))
    sealed[position] ^= 1

    with pytest.raises(CannotUnseal):
        unseal(bytes(sealed), context="a")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"x" * 11, b"plain text"])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(CannotUnseal):
        unseal(sealed, context="a")


def test_another_installation_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(b"text", context="a")
    monkeypatch.setenv("TESSERA_SECRET_SEALING", "another secret than that of this home")

    with pytest.raises(CannotUnseal):
        unseal(sealed, context="a")

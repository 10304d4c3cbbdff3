"""Small secrets kept in the database: sealed with a key that is not in it, so a stolen dump opens nothing."""

import os
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tessera.foundation.errors import TesseraError
from tessera.foundation.secrets import secret

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


class CannotUnseal(TesseraError):
    """What is sealed was sealed for something else, with another key, or was changed."""

    code = "cannot_unseal"


def seal(plain: bytes, *, context: str) -> bytes:
    """Encrypt and authenticate (AES-256-GCM). It opens only with the same `context`, such as the id of its row."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(_key(secret("sealing"))).encrypt(nonce, plain, context.encode())


def unseal(sealed: bytes, *, context: str) -> bytes:
    """What `seal` was given. Raises `CannotUnseal`."""
    version, nonce, body = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if version != _VERSION or len(nonce) < _NONCE_BYTES:
        raise CannotUnseal("this was not sealed by us")
    try:
        return AESGCM(_key(secret("sealing"))).decrypt(nonce, body, context.encode())
    except InvalidTag:
        raise CannotUnseal("it was sealed with another key or for something else") from None


@cache
def _key(text: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tessera sealing v1").derive(text.encode())

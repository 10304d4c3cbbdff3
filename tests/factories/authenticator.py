"""A security key in software (WebAuthn level 2, ES256): as strict as a real one, and able to cheat when asked to."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """Holds one credential. `origin` is the page it believes to be on; `verifies` whether it asked for a finger."""

    def __init__(self, origin: str, *, verifies: bool = True) -> None:
        self.origin = origin
        self.verifies = verifies
        self.counter = 0
        self.credential_id = os.urandom(32)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._handle = b""

    def create(self, options: str) -> str:
        """The answer to `registration_options`."""
        asked = json.loads(options)
        self._handle = unb64(asked["user"]["id"])
        client = self._client_data("webauthn.create", asked["challenge"])
        public = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
        data = self._data(asked["rp"]["id"], ATTESTED)
        data += bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": b64(client), "attestationObject": b64(attestation)})

    def get(self, options: str) -> str:
        """The answer to `authentication_options`."""
        asked = json.loads(options)
        self.counter += 1
        client = self._client_data("webauthn.get", asked["challenge"])
        data = self._data(asked["rpId"], 0)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        said = {"clientDataJSON": client, "authenticatorData": data, "signature": signature, "userHandle": self._handle}
        return self._answer({name: b64(value) for name, value in said.items()})

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, host: str, flags: int) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return sha256(host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _answer(self, response: dict[str, Any]) -> str:
        here = b64(self.credential_id)
        return json.dumps(
            {"id": here, "rawId": here, "type": "public-key", "response": response, "clientExtensionResults": {}}
        )

"""SM4-GCM (GB/T 32907) with the face of `AESGCM`, from OpenSSL through `cryptography`: for those who must use national ciphers."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TAG_BYTES: Final = 16


class Sm4Gcm:
    """Authenticated encryption under one 16-byte key."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Ciphertext and tag."""
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes:
        """The plain data.

        Raises:
            InvalidTag: changed or bound to something else.
            ValueError: shorter than a tag.
        """
        decryptor = Cipher(self._algorithm, modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(sealed[:-TAG_BYTES]) + decryptor.finalize()

"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905) from Tongsuo through `tongsuopy`, an optional extra.

The signer's id is the default of GM/T 0009, "1234567812345678". A public key is the point in 65 bytes (0x04, x, y), a signature r and s in
64 bytes. Nothing is loaded until SM2 is used; without the library that use is refused, never replaced by something else.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from twelve333.core.decision import Refused, refuse

from . import codes

PUBLIC_KEY_BYTES: Final = 65
SIGNATURE_BYTES: Final = 64
CURVE_OID: Final = bytes.fromhex("06082a811ccf5501822d")  # 1.2.156.10197.1.301, as a PKCS #8 key names the curve


class Sm2PrivateKey:
    """A key that signs; see `generate` and `load`."""

    def __init__(self, key: Any) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Sm2PrivateKey:
        """A new key.

        Raises:
            Refused: SECURITY_SUITE_MISSING.
        """
        tongsuo = _library()
        return cls(tongsuo.ec.generate_private_key(tongsuo.ec.SM2()))

    @classmethod
    def load(cls, pem: bytes) -> Sm2PrivateKey:
        """A key as `pem` gave it.

        Raises:
            ValueError: it is none.
            Refused: SECURITY_SUITE_MISSING.
        """
        return cls(_library().serialization.load_pem_private_key(pem, None))

    def pem(self) -> bytes:
        """PKCS #8, unencrypted."""
        s = _library().serialization
        kept: bytes = self._key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        return kept

    def public_bytes(self) -> bytes:
        """The point in 65 bytes."""
        s = _library().serialization
        point: bytes = self._key.public_key().public_bytes(s.Encoding.X962, s.PublicFormat.UncompressedPoint)
        return point

    def sign(self, data: bytes) -> bytes:
        """r and s, 32 bytes each."""
        r, s = decode_dss_signature(self._key.sign(data, _library().sm2_with_sm3))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public_key: bytes, signature: bytes, data: bytes) -> None:
    """Check a signature.

    Raises:
        InvalidSignature: it is not by that key over that data, or not 64 bytes.
        ValueError: the key is no point of the curve.
        Refused: SECURITY_SUITE_MISSING.
    """
    tongsuo = _library()
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError("a point of the wrong size")
    key = tongsuo.ec.EllipticCurvePublicKey.from_encoded_point(tongsuo.ec.SM2(), public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, tongsuo.sm2_with_sm3)
    except (tongsuo.invalid, tongsuo.failed) as error:
        raise InvalidSignature from error


def check_library() -> None:
    """Refuse to go on without SM2.

    Raises:
        Refused: SECURITY_SUITE_MISSING.
    """
    _library()


def _library() -> SimpleNamespace:
    try:
        from tongsuopy.crypto import exceptions, hashes, serialization
        from tongsuopy.crypto.asymciphers import ec
    except ImportError as error:
        raise Refused(refuse(codes.SUITE_MISSING)) from error
    return SimpleNamespace(
        ec=ec,
        serialization=serialization,
        sm2_with_sm3=ec.ECDSA(hashes.SM3()),
        invalid=exceptions.InvalidSignature,
        failed=exceptions.InternalError,
    )

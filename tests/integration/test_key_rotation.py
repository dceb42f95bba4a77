"""Keys to which members seal, and the key that signs, exchanged at work: peers learn of it from the signed directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from national_hub.handlers.directory import reconcile
from national_hub.handlers.encryption import EncryptionKeyHandlers, MemberKeys
from national_hub.store import registration
from province_node.directory import DirectoryReplica
from province_node.encryption import DirectoryKeys
from province_node.store import delivery_of
from tests.support.registers import Register, a_register, node
from twelve333.adapters.signing.document_keys import exchange_key, load_vouchers
from twelve333.adapters.signing.documents import load_signing_key, public_bytes
from twelve333.adapters.signing.fields import add_key, drop_old_keys, ensure_ring, open_cipher
from twelve333.adapters.signing.sealing import Opener, Sealer
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.prepare import prepare
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import keys_pb2
from twelve333.core.decision import Refused

FUJIAN = "350000"
_CONTEXT: Any = None


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path) as made:
        await made.add_member(FUJIAN)
        yield made


@pytest_asyncio.fixture
async def peer(tmp_path: Path, register: Register) -> AsyncIterator[Database]:
    """The database of the node of 江苏."""
    url = f"sqlite:///{tmp_path / 'peer.db'}"
    await prepare("province_node", url, delivery_of("320000"), register.now)
    database = open_database(url)
    yield database
    await database.close()


async def present(register: Register) -> common_pb2.SignedDocument:
    row = await register.hub.database.read(registration.load_directory)
    assert row is not None
    return common_pb2.SignedDocument.FromString(row.document)


async def test_a_new_sealing_key_reaches_peers_by_the_directory_and_both_open_until_the_old_one_is_forgotten(
    register: Register, peer: Database, tmp_path: Path
) -> None:
    ring = tmp_path / "fields.keys"
    ensure_ring(ring, "aes256gcm", register.now)
    replica = DirectoryReplica(public_bytes(register.hub.documents))
    told = EncryptionKeyHandlers(register.hub, MemberKeys(register.hub.database))
    away: Any = SimpleNamespace(directory=replica, province="320000")
    sealing, sealed = DirectoryKeys(away, open_cipher(ring, "aes256gcm")), []
    for _ in range(2):
        own = open_cipher(ring, "aes256gcm").public_key()
        request = keys_pb2.SetEncryptionKeyRequest(encryption_key=own)
        await register.asked(node(FUJIAN), told.SetEncryptionKey(request, _CONTEXT))
        before = await sealing.key_of(FUJIAN)
        await replica.accept(peer, await present(register), register.now)
        assert before != await sealing.key_of(FUJIAN) == own, "who seals to it goes by the directory"
        sealed.append(Sealer().seal(FUJIAN, await sealing.key_of(FUJIAN), b"said", b"names"))
        add_key(ring, "aes256gcm", register.now)
    opened = Opener(open_cipher(ring, "aes256gcm").sealing_keys)
    assert [opened.open(each, b"names") for each in sealed] == [b"said", b"said"], "the overlap"
    drop_old_keys(ring)
    for each in sealed:
        with pytest.raises(Refused) as refused:
            Opener(open_cipher(ring, "aes256gcm").sealing_keys).open(each, b"names")
        assert refused.value.refusal.code.name == "SECURITY_SEAL_NOT_OPENED"  # no receipt: it is sent again


async def test_a_new_document_key_is_followed_by_nodes_from_the_one_that_they_pinned(
    register: Register, peer: Database, tmp_path: Path
) -> None:
    hub, replica = register.hub, DirectoryReplica(public_bytes(register.hub.documents))
    told = EncryptionKeyHandlers(hub, MemberKeys(hub.database))
    request = keys_pb2.SetEncryptionKeyRequest(encryption_key=b"k" * 32)
    await register.asked(node(FUJIAN), told.SetEncryptionKey(request, _CONTEXT))
    held = await present(register)
    await replica.accept(peer, held, register.now)
    for _ in range(2):  # it was away for the first exchange
        exchange_key(tmp_path, register.now)
        hub = replace(hub, documents=load_signing_key(tmp_path / "documents.key"), vouchers=load_vouchers(tmp_path))
        await reconcile(hub)  # as at a start
    document = await present(register)
    assert document.version == held.version + 2
    assert await replica.follow(peer, hub.vouchers, document)
    assert await replica.accept(peer, document, register.now)
    assert not await replica.follow(peer, hub.vouchers, document), "once"
    assert hub.verify_own(held, "directory") == held.payload, "what it signed before is still its own, should a node hand it back"
    await reconcile(hub)
    assert (await present(register)).version == document.version, "signed anew once"

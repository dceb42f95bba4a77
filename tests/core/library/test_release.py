"""Which release a replica may take; the tree that binds it; its canonical bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import NOW, Shelf, entry, item

from twelve333.core.decision import Decision, Refusal
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import CHECKPOINT_BYTES_MAX, canonical_bytes, parse_release
from twelve333.core.library.merkle import bucket_of, digest_of, digests_of, root_of
from twelve333.core.library.messages import Offer, ReleaseApplied
from twelve333.core.library.model import Leaf, Release, Scope
from twelve333.core.library.rules import verify_next_release

leaves = st.dictionaries(
    st.text(alphabet="abc-0123", min_size=1, max_size=8), st.tuples(st.integers(1, 9), st.binary(min_size=32, max_size=32)), max_size=30
).map(lambda d: [Leaf(name, version, digest) for name, (version, digest) in d.items()])


SCOPED = st.lists(st.sampled_from(["0101", "0101.320000-3", "350000"]), max_size=16).map(tuple)


def _three() -> tuple[Release, Release, Release]:
    shelf, made = Shelf(), []
    for name in ("a", "b", "c"):
        shelf.publish(item(entry(name)))
        assert shelf.release
        made.append(shelf.release)
    return made[0], made[1], made[2]


R1, R2, R3 = _three()


def _offer(release: Release, **changes: object) -> Offer:
    return replace(Offer(release, True, release.root, release.entry_count), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("held", "offer"), [(None, _offer(R1)), (None, _offer(R3)), (R1, _offer(R2)), (R1, _offer(R3))])
def test_the_next_release_is_taken_and_told(held: Release | None, offer: Offer) -> None:
    decision = verify_next_release(held, offer, NOW)
    assert isinstance(decision, Decision)
    assert decision.state == offer.release
    assert isinstance(decision.events[0], ReleaseApplied)


def test_the_release_held_already_is_success_and_tells_nothing() -> None:
    assert verify_next_release(R2, _offer(R2), NOW) == Decision(R2)


NEWER_EPOCH = replace(R1, epoch=2)


@pytest.mark.parametrize(
    ("held", "offer", "code"),
    [
        (R1, _offer(R2, signature_valid=False), codes.SIGNATURE_INVALID),
        (R3, _offer(R2), codes.ROLLED_BACK),
        (R3, _offer(R1), codes.ROLLED_BACK),
        (NEWER_EPOCH, _offer(R3), codes.ROLLED_BACK),
        (R2, _offer(replace(R2, root=R1.root), root=R1.root), codes.FORKED),
        (R1, _offer(R2, root=R1.root), codes.ROOT_MISMATCH),
        (R1, _offer(R2, entry_count=7), codes.ROOT_MISMATCH),
        (R1, _offer(replace(R2, previous_root=R3.root)), codes.CHAIN_BROKEN),
    ],
)
def test_rollback_fork_and_mixed_content_are_refused(held: Release | None, offer: Offer, code: object) -> None:
    refusal = verify_next_release(held, offer, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code


def test_a_restored_hub_comes_back_under_a_new_epoch() -> None:
    assert isinstance(verify_next_release(R3, _offer(NEWER_EPOCH), NOW), Decision)


@given(leaves, st.randoms())
def test_the_root_does_not_depend_on_the_order(given_leaves: list[Leaf], chance: object) -> None:
    shuffled = list(given_leaves)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert root_of(shuffled) == root_of(given_leaves)


@given(leaves.filter(bool), st.data())
def test_any_difference_changes_the_root_and_is_found_from_the_top(given_leaves: list[Leaf], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(given_leaves) - 1))
    one = given_leaves[index]
    other = [*given_leaves[:index], replace(one, digest=digest_of(one.digest)), *given_leaves[index + 1 :]]
    mine, theirs = digests_of(given_leaves), digests_of(other)
    name = bucket_of(one.entry_id)
    assert {prefix for prefix in mine if mine[prefix] != theirs[prefix]} == {"", name[:1], name[:2], name}
    assert root_of(given_leaves) != root_of([leaf for leaf in given_leaves if leaf is not one])


def test_the_empty_library_has_a_root_of_its_own() -> None:
    assert len(root_of([])) == 32
    assert root_of([]) != root_of([Leaf("a", 1, bytes(32))])


@given(
    st.builds(
        Release,
        epoch=st.integers(1, 2**62),
        number=st.integers(1, 2**62),
        entry_count=st.integers(0, 2**31),
        root=st.binary(min_size=32, max_size=32),
        previous_root=st.binary(min_size=32, max_size=32),
        made_at=st.just(NOW),
        sequence=st.integers(0, 2**62),
        last_urgent=st.integers(0, 2**62),
        last_normal=st.integers(0, 2**62),
        expires_at=st.sampled_from([None, NOW]),
        scope=st.builds(Scope, SCOPED, SCOPED),
    )
)
def test_canonical_bytes_are_small_and_come_back(release: Release) -> None:
    document = canonical_bytes(release)
    assert len(document) <= CHECKPOINT_BYTES_MAX
    assert parse_release(document) == release


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b'{"type":"other"}', canonical_bytes(R1).replace(b'"root":"', b'"root":"zz'), b" " * 3000]
)
def test_what_is_no_release_is_refused(document: bytes) -> None:
    assert isinstance(parse_release(document), Refusal)


def test_a_key_of_a_newer_program_is_ignored() -> None:
    assert parse_release(canonical_bytes(R1).replace(b"{", b'{"new":1,', 1)) == R1

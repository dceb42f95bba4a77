"""`twelve333 hub operator`, `node operator` and `node desk`: certificates of people and systems, made and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cyclopts import App

from ..adapters.signing.files import read_file, refuse_existing, write_file
from ..adapters.signing.keys import CHAIN_FILE, ROOT_FILE, key_and_request, write_material
from ..client.connection import read_profile
from ..core.identity import Role
from ..core.registration.holders import Holder
from .common import Common, connect, profile_text
from .output import show, show_one

COLUMNS: Final = ("name", "counts", "since", "revoked_at", "reason", "key_fingerprint")


def holder_app(role: Role) -> App:
    """The group, to be hung into a service's own.

    Args:
        role: whom it is about: `OPERATOR` at the hub, `LOCAL_OPERATOR` or `DESK` at a node.
    """
    desk = role is Role.DESK
    app = App(name="desk" if desk else "operator", help=f"Certificates of {'desktops and business systems' if desk else 'operators'}.")

    @app.command(name="list")
    async def list_holders(*, common: Common = Common()) -> None:
        """List those whose certificates were made or ended here; those made at `init` or `join` count without being listed."""
        async with connect(common) as member:
            found = await member.holders.list()
        show([_values(each) for each in found if each.role is role], COLUMNS, as_json=common.json)

    @app.command
    async def create(name: str, *, directory: Path, common: Common = Common()) -> None:
        """Make a key here and have it certified: a profile to work with.

        Args:
            name: as whom, a-z 0-9 . _ -; one that was revoked may come back with a new key.
            directory: folder to make the profile in; asking again after a lost answer takes the key that is there.
        """
        refuse_existing(directory / CHAIN_FILE)
        async with connect(common) as member:
            chain = await member.holders.certify(role, name, key_and_request(directory))
        assert common.profile is not None  # noqa: S101 - `connect` has refused otherwise
        write_material(directory, chain, read_file(common.profile / ROOT_FILE))
        write_file(directory / "profile.toml", profile_text(*read_profile(common.profile)).encode())
        show_one({"name": name, "profile": str(directory)}, as_json=common.json)

    @app.command
    async def revoke(name: str, *, reason: str, common: Common = Common()) -> None:
        """End all certificates in a name, at once.

        Args:
            name: whose.
            reason: why, for the register; nothing personal.
        """
        async with connect(common) as member:
            show_one(_values(await member.holders.revoke(role, name, reason)), as_json=common.json)

    return app


def _values(holder: Holder) -> dict[str, Any]:
    ended = holder.revoked_at.isoformat(timespec="seconds") if holder.revoked_at else None
    return {
        "name": holder.name,
        "counts": holder.revoked_at is None,
        "since": holder.since.isoformat(timespec="seconds"),
        "revoked_at": ended,
        "reason": holder.reason,
        "key_fingerprint": holder.key_fingerprint,
    }

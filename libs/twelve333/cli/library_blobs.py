"""`twelve333 library attach|fetch|playing|report-playing`: files of the library, and what is played for its prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..client.library_blobs import Playing
from ..core.decision import Code, Kind, Refused, refuse
from ..core.library.model import PIECE_BYTES
from ..core.library.parts import ATTACHMENT_BYTES_MAX
from ..core.library.pieces import NO_PROMPT
from .common import FILE_UNREADABLE, FILE_UNWRITABLE, Common, connect, titled
from .library_output import progress
from .output import show, show_one

ATTACHMENT_SIZE = Code("CLI_ATTACHMENT_SIZE", Kind.INVALID)
NO_ATTACHMENT = Code("CLI_NO_ATTACHMENT", Kind.NOT_FOUND)
PLAYING_COLUMNS = ("member", "unit", "prompt", "as_published", "sha256", "reported_at")


async def attach(entry: str, *paths: Path, common: Common = Common()) -> None:
    """Attach files to an entry at the hub, and publish it anew; a file of the same name is replaced, one that is there is not sent again.

    Args:
        entry: its id.
        paths: files of at most 256 MiB each; a prompt's sound comes first.
    """
    total = sum(pieces_in(path) for path in paths)
    with progress(common, "sending", total) as advance:
        async with connect(common) as hub:
            attachments = [await hub.library_blobs.upload(path, sent=lambda count: advance()) for path in paths]
            release = await hub.library_blobs.attach(entry, attachments)
    named = [{"name": file.name, "size": file.size, "sha256": file.digest.hex()} for file in attachments]
    show_one({"entry": entry, "release": release, "attachments": named}, as_json=common.json)


async def fetch(entry: str, *, name: str = "", to: Path = Path(), common: Common = Common()) -> None:
    """Fetch the files of an entry, at a node also from another province when the hub is away; what broke off goes on.

    Args:
        entry: its id.
        name: only this file.
        to: folder to write them into; made if it is not there.
    """
    _make_folder(to)
    async with connect(common) as replica:
        stored = await replica.library.get(entry)
        wanted = [file for file in stored.entry.attachments if name in ("", file.name)]
        if not wanted:
            raise Refused(refuse(NO_ATTACHMENT, entry=entry[:64]))
        with progress(common, "fetching", sum(len(file.pieces) for file in wanted)) as advance:
            written = [await replica.library_blobs.fetch(entry, file, to, got=lambda count: advance()) for file in wanted]
    show([{"file": str(path)} for path in written], ("file",), as_json=common.json, title=titled("FILES", common, count=len(written)))


async def playing(*, common: Common = Common()) -> int:
    """List what is played for each prompt, at the hub by every member and unit; exit code 5 if any sound is not the library's."""
    async with connect(common) as replica:
        found = await replica.library_blobs.playing()
    show([_playing_row(one) for one in found], PLAYING_COLUMNS, as_json=common.json, title=titled("PLAYED", common, count=len(found)))
    return 0 if all(one.as_published for one in found) else 5


async def report_playing(prompt: str, sha256: str, *, unit: str = "", common: Common = Common()) -> int:
    """Say for the telephone system which sound it plays for a prompt; exit code 5 if it is not the library's.

    Args:
        prompt: id of the entry.
        sha256: of the sound, 64 hexadecimal digits.
        unit: code of the unit whose telephone system it is; without, it proves something only for a node that serves one unit.
    """
    try:
        digest = bytes.fromhex(sha256)
    except ValueError as error:
        raise Refused(refuse(NO_PROMPT, id=prompt[:64])) from error
    async with connect(common) as node:
        right = await node.library_blobs.report_playing(prompt, digest, unit=unit)
    show_one({"prompt": prompt, "unit": unit, "as_published": right}, as_json=common.json)
    return 0 if right else 5


def pieces_in(path: Path) -> int:
    """How many pieces a file has.

    Raises:
        Refused: CLI_FILE_UNREADABLE, CLI_ATTACHMENT_SIZE.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Refused(refuse(FILE_UNREADABLE, path=path, reason="no such file")) from error
    if not path.is_file() or not 0 < size <= ATTACHMENT_BYTES_MAX:
        raise Refused(refuse(ATTACHMENT_SIZE, path=path, limit=ATTACHMENT_BYTES_MAX >> 20))
    return -(-size // PIECE_BYTES)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(refuse(FILE_UNWRITABLE, path=folder, reason=error.strerror or "no folder")) from error


def _playing_row(one: Playing) -> dict[str, Any]:
    return {
        "member": one.member,
        "unit": one.unit,
        "prompt": one.entry_id,
        "as_published": one.as_published,
        "sha256": one.digest.hex(),
        "reported_at": one.reported_at,
    }

"""`twelve333 node rotate-authority begin|status|switch|retire`: another root for the province's own desks while they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from twelve333.adapters.clock import system_clock
from twelve333.adapters.settings import load
from twelve333.cli.common import Common
from twelve333.cli.output import show_one
from twelve333.cli.rooting import show_root
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes

from .settings import NodeSettings

if TYPE_CHECKING:
    from twelve333.adapters.signing.rooting import Stage

app = App(name="rotate-authority", help="Exchange the root of the province's own desks: begin, copy profiles, switch, copy again, retire.")

CONFIG = Path("node.toml")
STATUS = "twelve333 node rotate-authority status"
Force = Annotated[bool, Parameter(negative="")]


@app.command
def begin(*, root: Path | None = None, new_root: Path | None = None, config: Path = CONFIG, common: Common = Common()) -> None:
    """Make a new root that the old one vouches for; desk listener and profiles here trust both from now on.

    Profiles that were copied to desktops must be copied again before `switch`: their `ca.crt` then holds both roots.

    Args:
        root: folder with the old root's `ca.key`, from the safe; that of the node if absent.
        new_root: folder for the new root's key, best on the medium that goes into the safe; `root.next` of the authority if absent.
        config: settings file of the node.
    """
    from twelve333.adapters.signing.rooting import begin as do

    settings = load(NodeSettings, config)
    folder = _authority(settings)
    show_root(do(folder, root or folder / "root", new_root, f"{settings.province} local", system_clock()), STATUS, common)


@app.command
def status(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Show how far the rotation is, and which certificates the next step waits for.

    Args:
        config: settings file of the node.
    """
    stage, waits_for = _standing(load(NodeSettings, config))
    show_one({"stage": stage.value, "waits_for": waits_for}, as_json=common.json)


@app.command
def switch(*, force: Force = False, config: Path = CONFIG, common: Common = Common()) -> None:
    """Issue under the new root from now on; refused while a certificate here does not trust it yet.

    Args:
        force: do not wait for them.
        config: settings file of the node.
    """
    from twelve333.adapters.signing.rooting import Stage
    from twelve333.adapters.signing.rooting import switch as do

    settings = load(NodeSettings, config)
    _require(settings, Stage.BEGUN, force=force)
    show_root(do(_authority(settings)), STATUS, common)


@app.command
def retire(*, force: Force = False, config: Path = CONFIG, common: Common = Common()) -> None:
    """Trust the new root alone from now on; refused while a certificate here is under the old one.

    Args:
        force: do not wait for them.
        config: settings file of the node.
    """
    from twelve333.adapters.signing.rooting import Stage
    from twelve333.adapters.signing.rooting import retire as do

    settings = load(NodeSettings, config)
    _require(settings, Stage.SWITCHED, force=force)
    show_root(do(_authority(settings)), "", common)


def _authority(settings: NodeSettings) -> Path:
    return settings.pki_directory / "local"


def _require(settings: NodeSettings, at: Stage, *, force: bool) -> None:
    stage, waits_for = _standing(settings)
    if stage is at and waits_for and not force:
        raise Refused(refuse(codes.PROFILE_IN_USE, count=len(waits_for), profiles=", ".join(waits_for)))


def _standing(settings: NodeSettings) -> tuple[Stage, list[str]]:
    """How far it is, and the folders here that do not trust the new root yet, or are not under it yet."""
    from twelve333.adapters.signing.authority import trust_of
    from twelve333.adapters.signing.keys import CHAIN_FILE, ROOT_FILE, certificate_identity, is_issued_by, load_certificates
    from twelve333.adapters.signing.rooting import Stage, stage_of
    from twelve333.core.identity import Identity, local_domain

    stage, comes = stage_of(_authority(settings)), trust_of(_authority(settings)).roots[-1]
    waits_for = []
    profiles = sorted(path.parent for path in (settings.base / "profiles").glob(f"*/{CHAIN_FILE}"))
    for folder in (settings.pki_directory / "desk", *profiles):
        chain, roots = load_certificates(folder / CHAIN_FILE), load_certificates(folder / ROOT_FILE)
        identity = certificate_identity(chain[0])
        ours = isinstance(identity, Identity) and identity.trust_domain == local_domain(settings.province)
        if ours and not (comes in roots if stage is Stage.BEGUN else is_issued_by(chain[-1], comes)):
            waits_for.append(folder.name)
    return stage, waits_for if stage is not Stage.NONE else []

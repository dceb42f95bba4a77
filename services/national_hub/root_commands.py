"""`twelve333 hub rotate-root begin|status|switch|retire`: another root for the federation while it works on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from twelve333.adapters.clock import system_clock
from twelve333.adapters.settings import load
from twelve333.cli.common import Common
from twelve333.cli.output import show_one
from twelve333.cli.rooting import show_root

from .settings import HubSettings

app = App(name="rotate-root", help="Exchange the federation's root: begin, wait for all members, switch, wait again, retire.")

CONFIG = Path("hub.toml")
Force = Annotated[bool, Parameter(negative="")]


@app.command
async def begin(*, root: Path | None = None, new_root: Path | None = None, config: Path = CONFIG, common: Common = Common()) -> None:
    """Make a new root that the old one vouches for; members trust both from now on, the old one still issues.

    Args:
        root: folder with the old root's `ca.key`, from the safe; that of the hub if absent.
        new_root: folder for the new root's key, best on the medium that goes into the safe; `root.next` of the hub's authority if absent.
        config: settings file of the hub.
    """
    from .rotation import begin as do

    show_root(await do(load(HubSettings, config), root, new_root, system_clock()), "twelve333 hub rotate-root status", common)


@app.command
async def status(*, config: Path = CONFIG, common: Common = Common()) -> None:
    """Show how far the rotation is, and which members the next step waits for.

    Args:
        config: settings file of the hub.
    """
    from .rotation import standing

    stage, waits_for = await standing(load(HubSettings, config))
    show_one({"stage": stage.value, "waits_for": waits_for}, as_json=common.json)


@app.command
async def switch(*, force: Force = False, config: Path = CONFIG, common: Common = Common()) -> None:
    """Issue under the new root from now on; refused while a member does not trust it yet.

    Args:
        force: leave those behind that do not; they find back by themselves once they are there again.
        config: settings file of the hub.
    """
    from .rotation import switch as do

    show_root(await do(load(HubSettings, config), system_clock(), force=force), "twelve333 hub rotate-root status", common)


@app.command
async def retire(*, force: Force = False, config: Path = CONFIG, common: Common = Common()) -> None:
    """Trust the new root alone from now on; refused while a member's certificate is under the old one.

    Args:
        force: leave those behind that have not moved; they find back by themselves once they are there again.
        config: settings file of the hub.
    """
    from .rotation import retire as do

    show_root(await do(load(HubSettings, config), system_clock(), force=force), "", common)

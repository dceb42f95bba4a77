"""Every RPC that is offered has an access rule, every rule names an RPC there is, and every subject has a permission."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from google.protobuf import descriptor_pool

import twelve333.api
from national_hub import access as hub
from province_node import access as node
from twelve333.adapters.bus.server_config import _hub_permissions, _node_permissions
from twelve333.adapters.rpc.access import AccessTable
from twelve333.core.identity import Role
from twelve333.wire import subjects

TABLES = {"hub enrolment": hub.ENROLMENT, "hub federation": hub.FEDERATION, "node federation": node.FEDERATION, "node desk": node.DESK}


def rpcs() -> Iterator[str]:
    """The full names of all RPCs of our schemas."""
    for module in pkgutil.walk_packages(twelve333.api.__path__, "twelve333.api."):
        if module.name.endswith("_pb2"):
            importlib.import_module(module.name)
            name = module.name.replace(".", "/").removesuffix("_pb2") + ".proto"
            for service in descriptor_pool.Default().FindFileByName(name).services_by_name.values():
                yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def test_every_rpc_has_a_rule_somewhere() -> None:
    ruled = {method for table in TABLES.values() for method in table}
    assert set(rpcs()) - ruled == set()


@pytest.mark.parametrize("name", TABLES)
def test_every_rule_names_an_rpc_there_is(name: str) -> None:
    known = set(rpcs())
    assert {method for method in TABLES[name] if method.startswith("/twelve333.")} - known == set()


@pytest.mark.parametrize("table", [hub.FEDERATION, node.FEDERATION, node.DESK])
def test_nobody_without_a_certificate_may_do_anything_on_a_mutual_listener(table: AccessTable) -> None:
    assert [method for method, roles in table.items() if Role.ANYONE in roles or Role.BROKER in roles] == []


def test_every_subject_has_a_permission_for_its_own_member_and_for_no_other() -> None:
    ours, theirs = _node_permissions("350000"), _node_permissions("320000")
    said = [subjects.event_subject("350000", "320000", "cases"), subjects.receipt_subject("350000", "320000")]
    for subject in said:
        assert any(_matches(subject, rule) for rule in ours["publish"]["allow"])
        assert not any(_matches(subject, rule) for rule in theirs["publish"]["allow"])
    heard = subjects.receipt_subject("320000", "350000")
    assert any(_matches(heard, rule) for rule in ours["subscribe"]["allow"])
    assert not any(_matches(heard, rule) for rule in theirs["subscribe"]["allow"])
    told = subjects.queues_subject("350000")
    assert any(_matches(told, rule) for rule in ours["publish"]["allow"])
    assert not any(_matches(told, rule) for rule in theirs["publish"]["allow"])
    assert any(_matches(told, rule) for rule in theirs["subscribe"]["allow"])
    assert any(_matches(subjects.event_subject("hub", "350000", "library"), rule) for rule in _hub_permissions()["publish"]["allow"])


def _matches(subject: str, rule: str) -> bool:
    """NATS' own matching: `*` is one token, `>` is the rest."""
    told, wanted = subject.split("."), rule.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(told) > index
        if index >= len(told) or token not in ("*", told[index]):
            return False
    return len(told) == len(wanted)

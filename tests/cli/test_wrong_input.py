"""What a person can do wrong: one clear sentence, a stable code, a non-zero exit, and nothing half done."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from cyclopts import App

from tests.support.federation import cli, one_federation
from twelve333.adapters.processes import free_ports
from twelve333.cli.demo.federation import Federation
from twelve333.cli.main import app

CHECKED_WITHIN = {"explain --draw", "day --load", "day --elsewhere", "day --speed", "day --seed"}
"""Numbers whose command says itself what may be given."""


def test_help_teaches_and_version_is_told() -> None:
    told = cli("--help")
    assert told.code == 0 and "Exit codes" in told.out and "twelve333 demo" in told.out
    assert cli("--version").out.strip() == "0.1.0"


def test_a_wrong_flag_is_wrong_use() -> None:
    told = cli("unit", "list", "--colour")
    assert told.code == 2 and "--colour" in told.err and "USAGE" in told.err


def test_wherever_the_help_names_a_pipe_a_hyphen_is_taken() -> None:
    asked = [argument for command in every_command(app) for argument in command.assemble_argument_collection(parse_docstring=True)]
    piped = [argument for argument in asked if "`-`" in (argument.parameter.help or "")]
    assert len(piped) >= 8
    assert [argument.name for argument in piped if not argument.parameter.allow_leading_hyphen] == []


@pytest.mark.parametrize(
    ("line", "en", "zh"),
    [
        ("unit list --provinse 350000", "--provinse is no option of `twelve333 unit list`", "是否想输入 --province？"),
        ("unit lst", "“lst” is no command here: `twelve333 unit --help` lists those there are. Did you mean list?", "没有命令“lst”"),
        ("coverage --as-of yesterday", "“yesterday” cannot be given for --as-of", "--as-of 不能填“yesterday”"),
        ("coverage --by city", "choose from province, unit", "可选：province, unit"),
        ("unit wait 350100 --for opened", "choose from planned, registered, verified, open", "是否想输入 open？"),
        ("coverage --target -5", "“-5” cannot be given for --target", "--target 不能填“-5”"),
        ("unit check -f", "-f wants a value: `twelve333 unit check --help`", "-f 需要一个值"),
        ("unit check", "--file is missing: `twelve333 unit check --help`", "缺少 --file"),
        ("unit show 350100 350200", "“350200” is more than `twelve333 unit show` takes", "不接受多余的“350200”"),
    ],
)
def test_what_is_typed_wrong_is_said_in_the_readers_language_with_where_to_look(line: str, en: str, zh: str) -> None:
    for locale, words in (("en", en), ("zh", zh)):
        told = cli(*line.split(), env={"TWELVE333_LOCALE": locale})
        assert (told.code, told.out) == (2, "") and words in told.err, told.err


def test_a_number_that_cannot_be_is_wrong_use_wherever_one_is_asked_for() -> None:
    asked = [(" ".join(command.name), each) for command in every_command(app) for each in command.assemble_argument_collection()]
    numbers = [(name, each) for name, each in asked if {each.hint, *get_args(each.hint)} & {int, float} and not each.parameter.validator]
    assert {f"{name} {each.name}" for name, each in numbers} == CHECKED_WITHIN
    for line in ("coverage --target -5", "queue report 350100 --free -1", "unit list --timeout 0", f"library search x --limit {2**40}"):
        told = cli(*line.split())
        assert (told.code, "USAGE" in told.err, "Traceback" in told.err) == (2, True, False), line


def every_command(group: App) -> Iterator[App]:
    if group.default_command:
        yield group
    for name in group:
        if not name.startswith("-"):
            yield from every_command(group[name])


def test_without_a_profile_it_says_where_to_get_one() -> None:
    told = cli("unit", "list", env={"TWELVE333_PROFILE": ""})
    assert told.code == 2 and "CLI_PROFILE_MISSING" in told.err and "--profile" in told.err


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    told = cli("unit", "list", profile=tmp_path / "nobody")
    assert told.code == 1 and "SECURITY_FILE_MISSING" in told.err and "nobody" in told.err


def test_complaints_come_as_json_and_in_chinese_when_asked(tmp_path: Path) -> None:
    told = cli("unit", "list", "--json", "--locale", "zh", profile=tmp_path / "nobody")
    error = json.loads(told.err)["error"]
    assert told.out == "" and error["code"] == "SECURITY_FILE_MISSING" and "不存在" in error["message"]


def test_settings_are_checked_with_a_sentence_for_each_mistake(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text('province = "32"\ncolour = 1\n[database]\nurl = "mysql://x"\n', encoding="utf-8")
    told = cli("node", "run", "--config", config)
    assert told.code == 2 and "SETTINGS_INVALID" in told.err
    for name in ("province:", "colour:", "database.url:", "listen:", "broker:"):
        assert name in told.err


def test_a_missing_settings_file_says_how_to_make_one(tmp_path: Path) -> None:
    told = cli("hub", "run", "--config", tmp_path / "hub.toml")
    assert told.code == 2 and "SETTINGS_FILE_MISSING" in told.err and "hub init" in told.err


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    ports = [f"--{name}-port={port}" for name, port in zip(("federation", "enrolment", "health", "broker"), free_ports(4), strict=True)]
    assert cli("hub", "init", "--directory", folder, *ports).code == 0
    return folder


def test_a_second_hub_init_never_overwrites_the_first(hub_folder: Path) -> None:
    before = (hub_folder / "pki" / "authority" / "root" / "ca.key").read_bytes()
    told = cli("hub", "init", "--directory", hub_folder)
    assert told.code != 0 and "SECURITY_FILE_EXISTS" in told.err
    assert (hub_folder / "pki" / "authority" / "root" / "ca.key").read_bytes() == before


def test_a_hub_does_not_start_on_a_database_that_was_not_migrated(hub_folder: Path) -> None:
    told = cli("hub", "run", "--config", hub_folder / "hub.toml")
    assert told.code != 0 and "hub migrate" in told.err
    assert not (hub_folder / "hub.db").exists()


def test_a_port_in_use_is_named(hub_folder: Path) -> None:
    config = hub_folder / "hub.toml"
    assert cli("hub", "migrate", "--config", config).code == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = cli("hub", "run", "--config", config, env={"TWELVE333_LISTEN__FEDERATION": address})
    assert told.code != 0 and address in told.err and "IN_USE" in told.err


def test_a_certificate_that_does_not_belong_to_its_key_is_refused(hub_folder: Path) -> None:
    config, pki = hub_folder / "hub.toml", hub_folder / "pki"
    assert cli("hub", "migrate", "--config", config).code == 0
    shutil.copy(pki / "enrolment" / "tls.key", pki / "federation" / "tls.key")
    told = cli("hub", "run", "--config", config)
    assert told.code != 0 and "SECURITY_KEY_MISMATCH" in told.err


def test_nobody_answering_is_said_so(hub_folder: Path) -> None:
    told = cli("unit", "list", "--timeout", 2, profile=hub_folder / "profiles" / "operator")
    assert told.code in (1, 3) and ("RPC_UNREACHABLE" in told.err or "RPC_NO_ANSWER" in told.err)


@one_federation
@pytest.mark.asyncio(loop_scope="session")
async def test_wrong_units_are_refused_whole(federation: Federation, tmp_path: Path) -> None:
    operator = federation.hub.profile
    table = tmp_path / "units.csv"
    table.write_text("unit_code,unit_name,level\n350100,福州市,prefecture\n35x,某市,prefecture\n", encoding="utf-8")
    told = cli("unit", "import", table, profile=operator)
    assert told.code == 2 and "line 3, unit_code" in told.err and "35x" in told.err
    table.write_text("unit_code,unit_name\n350100,福州市\n", encoding="utf-8")
    told = cli("unit", "import", table, profile=operator)
    assert told.code == 2 and "level" in told.err
    told = cli("unit", "import", tmp_path / "none.csv", profile=operator)
    assert told.code == 2 and "CLI_FILE_UNREADABLE" in told.err
    told = cli("unit", "suspend", "999999", profile=operator)
    assert told.code == 1 and "REGISTRATION_UNIT_UNKNOWN" in told.err
    told = cli("unit", "suspend", "320100", profile=federation.nodes["350000"].folder / "profiles" / "hub")
    assert told.code == 4 and "REGISTRATION_UNIT_NOT_YOURS" in told.err


@one_federation
@pytest.mark.asyncio(loop_scope="session")
async def test_units_are_listed_for_people_and_programs(federation: Federation) -> None:
    told = cli("unit", "list", "--province", "350000", profile=federation.hub.profile)
    assert told.code == 0 and "福州市" in told.out and "10 units" in told.out
    rows = json.loads(cli("unit", "list", "--province", "350000", "--json", profile=federation.hub.profile).out)
    assert len(rows) == 10 and rows[0]["code"] == "350000"

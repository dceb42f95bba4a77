#!/usr/bin/env python3
"""Makes libs/twelve333/data/number_regions.txt.gz: from which unit's region a Chinese number is, by its first digits.

The source is the geocoding data of libphonenumber, as the package `phonenumbers` carries it (a development dependency): loading that takes
seconds and 200 MB, so it is boiled down once to unit codes. Run it after the package was updated; a test compares.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from phonenumbers.geodata import GEOCODE_DATA

from twelve333.data import table

TARGET = Path(__file__).resolve().parent.parent / "libs" / "twelve333" / "data" / "number_regions.txt.gz"
_KIND = re.compile(r"(地区|自治州|林区|盟|市|县)$")
_PEOPLES = re.compile(
    r"(藏族羌族|土家族苗族|布依族苗族|苗族侗族|傣族景颇族|哈尼族彝族|壮族苗族|蒙古族藏族|彝族|回族|藏族|蒙古|哈萨克|柯尔克孜|傣族|白族|傈僳族|朝鲜族)$"
)
_RENAMED = {"襄樊": "襄阳", "Simao": "普洱"}


def main() -> None:
    """Write the file; the same data give the same bytes."""
    lines = [f"{prefix} {code}" for prefix, code in sorted(regions().items())]
    TARGET.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))


def regions() -> dict[str, str]:
    """Unit code by the first digits of the number, without country code or leading zero; the longest prefix counts."""
    units = _units()
    found: dict[str, str] = {}
    for prefix, names in GEOCODE_DATA.items():
        if prefix.startswith("86") and len(prefix) > 2 and (code := _unit(names.get("zh") or names["en"], units)):
            found[prefix[2:]] = code
    return found


def _units() -> dict[str, dict[str, str]]:
    """By province: the cores of units' names, and their codes."""
    units: dict[str, dict[str, str]] = {}
    for row in table("units_2013"):
        named = units.setdefault(row["province_name"], {"": row["province_code"]})
        if row["unit_code"] != row["province_code"]:
            named[_core(row["unit_name"])] = row["unit_code"]
    return units


def _unit(name: str, units: dict[str, dict[str, str]]) -> str:
    province = next((each for each in units if name.startswith(each)), "云南" if name.endswith("Yunnan") else "")
    if not province:
        return ""
    rest = name.split(",")[0] if name.endswith("Yunnan") else re.sub(r"^(省|市|自治区)", "", name[len(province) :]).split("、")[0]
    core = _core(rest)
    return units[province].get(_RENAMED.get(core, core), units[province][""])


def _core(name: str) -> str:
    return _PEOPLES.sub("", _KIND.sub("", name))


if __name__ == "__main__":
    main()

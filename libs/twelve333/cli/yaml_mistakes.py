"""What is wrong with a file, in words: each mistake that its schema finds by line and field, in the reader's language.

Where a schema offers several forms, mistakes are told of the one that was meant, not that the whole fits none of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import yaml
from jsonschema.exceptions import ValidationError

from ..core.decision import Code, FieldViolation, Kind

FIELD_WRONG: Final = Code("CLI_FIELD_WRONG", Kind.INVALID)
FIELD_FORM: Final = Code("CLI_FIELD_FORM", Kind.INVALID)
FIELD_RANGE: Final = Code("CLI_FIELD_RANGE", Kind.INVALID)
FIELD_CHOICE: Final = Code("CLI_FIELD_CHOICE", Kind.INVALID)
FIELD_EITHER: Final = Code("CLI_FIELD_EITHER", Kind.INVALID)
FIELD_MISSING: Final = Code("CLI_FIELD_MISSING", Kind.INVALID)
FIELD_UNKNOWN: Final = Code("CLI_FIELD_UNKNOWN", Kind.INVALID)
FIELD_BLANK: Final = Code("CLI_FIELD_BLANK", Kind.INVALID)
FIELD_TWICE: Final = Code("CLI_FIELD_TWICE", Kind.INVALID)
_CHARS_MAX: Final = 60
_BRANCHES: Final = {"oneOf", "anyOf"}

Path = Sequence[str | int]


def mistakes_of(root: yaml.Node, error: ValidationError) -> Iterator[FieldViolation]:
    """The mistakes behind one of the schema's errors.

    Args:
        root: of the document, for the lines.
        error: as the validator found it.
    """
    for leaf in _leaves(error):
        path = list(leaf.absolute_path)
        if leaf.validator == "additionalProperties":
            rules: Any = leaf.schema
            known = rules["properties"]
            instance: Any = leaf.instance
            for key in (key for key in instance if key not in known):
                meant = get_close_matches(str(key), known, 1) or list(known)
                yield _told(root, [*path, key], FIELD_UNKNOWN, known=", ".join(meant))
        elif leaf.validator == "required":
            wanted: Any = leaf.validator_value
            name = next(name for name in wanted if leaf.message.startswith(f"{name!r} "))
            yield _told(root, [*path, name], FIELD_MISSING)
        else:
            code, params = _wrong(leaf)
            yield _told(root, path, code, value=_shown(leaf.instance), **params)


def said_twice(node: yaml.Node, path: Path = (), seen: frozenset[int] = frozenset()) -> Iterator[FieldViolation]:
    """Each key that its mapping has already: YAML would let the last one count, without a word."""
    if id(node) in seen:  # an alias within itself
        return
    seen |= {id(node)}
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from said_twice(each, (*path, number), seen)
    elif isinstance(node, yaml.MappingNode):
        known = set[object]()
        for key, value in node.value:
            if key.value in known and isinstance(key, yaml.ScalarNode):
                yield _field(key.start_mark.line + 1, (*path, key.value), FIELD_TWICE)
            known.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            yield from said_twice(value, (*path, key.value), seen)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors within the one form whose kind of value this is, where there are several."""
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context or () if error.validator in _BRANCHES else ():
        branches.setdefault(each.schema_path[0], []).append(each)
    meant = [found for found in branches.values() if not any(each.validator == "type" and not each.path for each in found)]
    if len(meant) != 1:
        yield error
        return
    for each in meant[0]:
        yield from _leaves(each)


def _wrong(error: ValidationError) -> tuple[Code, dict[str, str]]:
    """What is wrong with a value; of a form rather what it stands for than its signs."""
    rules: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    wanted: Any = error.validator_value
    if error.validator == "enum":
        return FIELD_CHOICE, {"choices": ", ".join(map(_shown, wanted))}
    if error.validator in ("minimum", "maximum") and {"minimum", "maximum"} <= rules.keys():
        return FIELD_RANGE, {"least": str(rules["minimum"]), "most": str(rules["maximum"])}
    if error.validator in ("minItems", "minLength"):
        return FIELD_BLANK, {}
    if error.validator in _BRANCHES and all("required" in each for each in wanted):
        return FIELD_EITHER, {"choices": ", ".join(name for each in wanted for name in each["required"])}
    if error.validator in ("pattern", "type", "minimum", "maximum") and rules.get("description"):
        return FIELD_FORM, {"meant": str(rules["description"])}
    return FIELD_WRONG, {"reason": error.message[:200]}


def _told(root: yaml.Node, path: Path, code: Code, **params: str) -> FieldViolation:
    return _field(_line(root, path), path, code, **params)


def _field(line: int, path: Path, code: Code, **params: str) -> FieldViolation:
    name = ".".join(map(str, path)) or "."
    return FieldViolation(name, code, {"line": str(line), "field": name, **params})


def _line(root: yaml.Node, path: Path) -> int:
    """The line on which the field begins, or what it should stand in."""
    node, line = root, root.start_mark.line
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
    return line + 1


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _CHARS_MAX else f"{text[:_CHARS_MAX]}…"

"""Files that people write in YAML: read safely, checked against their published schema, every mistake named by line and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from ..core.decision import Code, FieldViolation, Kind, Refusal, Refused, refuse
from ..schemas import schema
from .common import read_text

FILE_NOT_YAML: Final = Code("CLI_FILE_NOT_YAML", Kind.INVALID)
FILE_WRONG: Final = Code("CLI_FILE_WRONG", Kind.INVALID)
FIELD_WRONG: Final = Code("CLI_FIELD_WRONG", Kind.INVALID)
MISTAKES_MAX: Final = 20
_FORMS: Final = {"pattern", "type", "minimum", "maximum"}


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Read one document.

    Args:
        path: of the file, `-` for standard input.
        kind: the name of its schema.

    Raises:
        Refused: CLI_FILE_UNREADABLE, CLI_FILE_NOT_YAML, CLI_FILE_WRONG with the line of each mistake.
    """
    return parse_document(read_text(path), str(path), kind)


def parse_document(text: str, name: str, kind: str) -> dict[str, Any]:
    """Read one document from its text; `name` is for the complaint. Raises as `read_document`."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader of our own
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise Refused(refuse(FILE_NOT_YAML, path=name, line=line)) from error
    if root is None:
        raise Refused(Refusal(FILE_WRONG, {"path": name, "count": "1"}, (_field(1, ".", "the file is empty"),)))
    mistakes = [_field(line, key, "is said twice") for line, key in _twice(root, "", set())]
    wrong = sorted(Draft202012Validator(schema(kind)).iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    mistakes += [_violation(root, error) for error in wrong]
    if mistakes:
        raise Refused(Refusal(FILE_WRONG, {"path": name, "count": str(len(mistakes))}, tuple(mistakes[:MISTAKES_MAX])))
    found: dict[str, Any] = document
    return found


class _Loader(yaml.SafeLoader):
    """Dates stay text: what they mean is said by the schema."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _violation(root: yaml.Node | None, error: ValidationError) -> FieldViolation:
    path = list(error.absolute_path)
    shown = ".".join(map(str, path)) or "."
    return _field(_line(root, path), shown, _reason(error))


def _field(line: int, name: str, reason: str) -> FieldViolation:
    return FieldViolation(name, FIELD_WRONG, {"line": str(line), "field": name, "reason": reason[:200]})


def _twice(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Line and name of each key that its mapping has already: YAML would let the last one count, without a word."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _twice(each, f"{path}{number}.", seen)
    elif isinstance(node, yaml.MappingNode):
        known = set[object]()
        for key, value in node.value:
            if key.value in known and isinstance(key, yaml.ScalarNode):
                yield key.start_mark.line + 1, f"{path}{key.value}"
            known.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            yield from _twice(value, f"{path}{key.value}.", seen)


def _reason(error: ValidationError) -> str:
    """What is wrong; of a form rather what it stands for than its signs."""
    meant = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    return f"{error.instance!r} is not of the form asked for: {meant}" if error.validator in _FORMS and meant else error.message


def _line(root: yaml.Node | None, path: Sequence[str | int]) -> int:
    node = root
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), node)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
    return node.start_mark.line + 1 if node else 1

"""Files that people write in YAML: read safely, checked against their published schema, every mistake named by line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator

from ..core.decision import Code, Kind, Refusal, Refused, refuse
from ..schemas import schema
from .common import read_text
from .yaml_mistakes import mistakes_of, said_twice

FILE_NOT_YAML: Final = Code("CLI_FILE_NOT_YAML", Kind.INVALID)
FILE_WRONG: Final = Code("CLI_FILE_WRONG", Kind.INVALID)
FILE_EMPTY: Final = Code("CLI_FILE_EMPTY", Kind.INVALID)
MISTAKES_MAX: Final = 20


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Read one document.

    Args:
        path: of the file, `-` for standard input.
        kind: the name of its schema.

    Raises:
        Refused: CLI_FILE_UNREADABLE, CLI_FILE_NOT_TEXT, CLI_FILE_NOT_YAML, CLI_FILE_EMPTY, CLI_FILE_WRONG with the line of each mistake.
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
        raise Refused(refuse(FILE_EMPTY, path=name))
    wrong = Draft202012Validator(schema(kind)).iter_errors(document)
    mistakes = [*said_twice(root), *(mistake for error in wrong for mistake in mistakes_of(root, error))]
    if mistakes:
        mistakes.sort(key=lambda mistake: int(mistake.params["line"]))
        raise Refused(Refusal(FILE_WRONG, {"path": name, "count": str(len(mistakes))}, tuple(mistakes[:MISTAKES_MAX])))
    found: dict[str, Any] = document
    return found


class _Loader(yaml.SafeLoader):
    """Dates stay text: what they mean is said by the schema."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

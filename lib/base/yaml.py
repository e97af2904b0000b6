"""YAML files read strictly: plain values only, no key twice, errors in one line with file and line."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from lib.base.errors import CompanionError
from lib.base.files import ROOT


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses duplicate keys, anchors, aliases, tags, and keys that are no scalars."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None or event.tag is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors, aliases and tags are not allowed; write the value out", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a plain word", problem_mark=key_node.start_mark)
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} appears twice; keep one", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(  # YAML 1.1 wants a point in it, and would read a text
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_yaml(path: Path) -> Any:
    """Read the plain value in a YAML file (dicts, lists, strings, numbers, booleans, dates, None).

    A missing file, a syntax error, a duplicate key, an anchor, an alias or a tag is a CompanionError of one line.
    """
    name = display(path)
    try:
        with open(path, "rb") as stream:
            return yaml.load(stream, Loader=_StrictLoader)  # noqa: S506  # a SafeLoader, and stricter
    except FileNotFoundError:
        raise CompanionError(f"{name}: no such file; check the name") from None
    except OSError as error:
        raise CompanionError(f"{name}: cannot be read ({error.strerror}); give another file") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CompanionError(f"{name}{line}: {error.problem or error}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # A ValueError comes from a value that looks like a date or a number but is not.
        raise CompanionError(f"{name}: not readable as YAML ({error})") from None
    except RecursionError:
        raise CompanionError(f"{name}: nested too deeply; write it flatter") from None


def display(path: Path) -> str:
    """Return a path as errors show it: relative to the repository if it is part of it."""
    full = path.absolute()
    return full.relative_to(ROOT).as_posix() if full.is_relative_to(ROOT) else str(path)

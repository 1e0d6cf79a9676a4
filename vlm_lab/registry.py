"""Names -> objects, imported only when used: one rule for every table of names, and for a user's
own `module:Name`.

Where a name comes from data (a schema, a record of somebody else's run), only modules that
models.yaml lists under `plugins` are imported: data never decides which code runs.
"""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.sanitize import quote_value, shorten

# Modules that models.yaml lists: of this process, as what is imported is.
_allowed_modules: set[str] = set()


def allow_plugins(modules: Iterable[str]) -> None:
    """From now on, names in data may lead to these modules."""
    _allowed_modules.update(modules)


def resolve_allowed_name(name: str, table: Mapping[str, str], object_kind: str) -> Any:
    """As `resolve_name`, for a name that stands in data. UserError where it leads to a module that
    nobody allowed."""
    module = name.partition(":")[0]
    if name not in table and ":" in name and module not in _allowed_modules:
        raise UserError(
            f"{object_kind} {quote_value(name)} is code of your own, which runs only where "
            f"models.yaml allows it: plugins: [{shorten(module)}]"
        )
    return resolve_name(name, table, object_kind)


def resolve_name(name: str, table: Mapping[str, str], object_kind: str) -> Any:
    """The object that `table` has under `name` as "module:attribute", or the one that `name` itself
    spells so."""
    import_path = table.get(name, name)
    module, separator, attribute = import_path.partition(":")
    if not separator:
        raise UserError(
            f"no {object_kind} {quote_value(name)}; known: {', '.join(sorted(table))}, "
            "or your own as package.module:Name"
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise UserError(f"{object_kind} {name!r} cannot be imported: {error}") from error
    except AttributeError:
        raise UserError(f"{object_kind} {name!r}: {module} has no {attribute}") from None

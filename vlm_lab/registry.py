"""Names -> objects, imported only when used: one rule for every table of names, and for a user's
own `module:Name`.

Where a name comes from data (a schema, a record of somebody else's run), only modules that
models.yaml lists under `plugins` are imported: data never decides which code runs.
"""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from vlm_lab.errors import UserError

_allowed_modules: set[str] = (
    set()
)  # modules that models.yaml lists: of this process, as what is imported is


def allow_plugins(modules: Iterable[str]) -> None:
    """From now on, names in data may lead to these modules."""
    _allowed_modules.update(modules)


def resolve_allowed_name(name: str, table: Mapping[str, str], what: str) -> Any:
    """As `find`, for a name that stands in data. UserError where it leads to a module that nobody
    allowed."""
    module = name.partition(":")[0]
    if name not in table and ":" in name and module not in _allowed_modules:
        raise UserError(
            f"{what} {name!r} is code of your own, which runs only where models.yaml allows it: plugins: [{module}]"
        )
    return resolve_name(name, table, what)


def resolve_name(name: str, table: Mapping[str, str], what: str) -> Any:
    """The object that `table` has under `name` as "module:attribute", or the one that `name` itself
    spells so."""
    place = table.get(name, name)
    module, colon, attribute = place.partition(":")
    if not colon:
        raise UserError(
            f"no {what} {name!r}; known: {', '.join(sorted(table))}, or your own as package.module:Name"
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise UserError(f"{what} {name!r} cannot be imported: {error}") from error
    except AttributeError:
        raise UserError(f"{what} {name!r}: {module} has no {attribute}") from None

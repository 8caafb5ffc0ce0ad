"""What a folder's run was asked for, so that no other goes on in it."""

import json
from pathlib import Path
from typing import Any

from ..atomic import write_whole


def keep_request(path: Path, request: dict[str, Any]) -> None:
    """Writes what a folder's run is asked for. Raises ValueError where another run was begun."""
    wanted = json.loads(json.dumps(request))
    if path.exists():
        try:
            begun = json.loads(path.read_text(encoding="utf8"))
        except ValueError as error:
            begun = error
        if not isinstance(begun, dict):
            raise ValueError(
                f"{path} is damaged, so that nothing says which run was begun here: give another "
                f"output, or remove the file if this is the same command"
            )
        if begun != wanted:
            names = [name for name in wanted if begun.get(name) != wanted[name]]
            raise ValueError(
                f"{path.parent} has another run ({', '.join(names)} differ): give another output"
            )
        return
    write_whole(path, json.dumps(wanted, indent=1) + "\n")

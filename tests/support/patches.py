"""The operations of a JSON patch, as version 2.1 of the API writes them."""

Operation = dict[str, object]


def add(path: str, value: object) -> Operation:
    """Set what is at *path*."""
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: object) -> Operation:
    """Set what is at *path*, where there must be something."""
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> Operation:
    """Take away what is at *path*."""
    return {"op": "remove", "path": path}

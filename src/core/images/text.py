"""What text the catalogue can keep, the same on every database engine."""

from typing import Final

from vitrine.core import errors

_LAST_OF_THE_BASIC_PLANE: Final = "\uffff"


def storable(field: str, value: str, *, longest: int | None = None, basic: bool = True) -> str:
    """Return *value* if every engine can store it and give it back unchanged.

    Args:
        field: What the value is for, as the caller wrote it.
        value: The text.
        longest: The greatest length in characters, None for no bound.
        basic: Whether characters beyond the basic multilingual plane, which take
            four bytes in UTF-8, are refused. Clients have been told so for names,
            owners and properties for as long as the API exists.

    Raises:
        InvalidValue: It is too long, or holds NUL, a lone surrogate, or, where
            *basic*, a four-byte character.
    """
    if longest is not None and len(value) > longest:
        raise errors.InvalidValue(field, f"it is longer than {longest} characters")
    if "\x00" in value:
        raise errors.InvalidValue(field, "it holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise errors.InvalidValue(field, "it holds half of a surrogate pair") from None
    if basic and value and max(value) > _LAST_OF_THE_BASIC_PLANE:
        raise errors.InvalidValue(field, "it holds a character of four bytes in UTF-8")
    return value

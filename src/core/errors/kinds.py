"""What a caller can do about an error: few kinds, which every fact is one of."""


class VitrineError(Exception):
    """Anything the service can tell whoever asked."""


class Invalid(VitrineError):
    """What was sent is wrong; sending it again changes nothing."""


class Unauthenticated(VitrineError):
    """Nobody vouches for the caller."""


class Forbidden(VitrineError):
    """The caller is known and may not do this."""


class NotFound(VitrineError):
    """There is no such thing, or the caller may not learn that there is."""


class Conflict(VitrineError):
    """The thing is in a state that does not allow this now."""


class Gone(VitrineError):
    """What the request was working on has ended meanwhile, or is never offered here."""


class Outdated(VitrineError):
    """The thing is no longer as the caller said that it must be."""


class TooLarge(VitrineError):
    """A limit or a quota would be passed."""


class Unsupported(VitrineError):
    """The media type, or the format of the bytes, is not the one that is wanted."""


class RangeNotSatisfiable(VitrineError):
    """The bytes asked for do not exist."""


class Unavailable(VitrineError):
    """A part the service depends on is away; the same request may succeed later."""


class Unreachable(VitrineError):
    """Who alone can answer the request could not be reached."""


class Misanswered(VitrineError):
    """Who alone can answer the request was asked, and gave no answer to hand on."""


class Broken(VitrineError):
    """The service is at fault, by its configuration or by a defect."""

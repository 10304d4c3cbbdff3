"""The one exception tree: every refusal has a stable code that doors (HTTP, CLI) translate."""


class TesseraError(Exception):
    """Something was refused for a reason the caller can act on.

    `code` is stable and machine-readable (it appears in problem documents);
    the message is for people.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class NotFound(TesseraError):
    """What was asked for does not exist, or not for this caller."""

    code = "not_found"


class TooManyFiles(TesseraError):
    """The workspace keeps as many bytes of files as it may (`TESSERA_FILES_MAX_MB`)."""

    code = "too_many_files"


class Outdated(Exception):
    """What a plan was made from has changed meanwhile; read again and make another."""


class SetupError(TesseraError):
    """The machine or the configuration cannot run this; the message is one line saying what to do."""

    code = "setup"

"""The one error that runstack shows to people."""


class StackError(Exception):
    """The stack cannot start or go on. `exit_code` 2: refused before anything was started; 1: broke later."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

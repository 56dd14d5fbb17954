"""The one exception for mistakes that a person can mend.

Scripts print its message as a single line and exit with status 2; anything else that is
raised is a bug of ours and keeps its traceback.
"""


class UserError(ValueError):
    """Names the thing, the value it got, what it would take, and the key to change."""

"""Users' mistakes, told apart from ours."""

BUG = "Something went wrong here, and it is not your fault"
"""What a user is told about a bug; where the log is comes next."""


class UserError(ValueError):
    """A user's mistake. Its text is a sentence for that user: what was wrong, and what would be right.

    Code that talks to users shows this sentence, and that of an OSError, which says what the system refused. Any other
    exception is a bug: it is logged with its traceback, and the user is told that something went wrong here.
    """

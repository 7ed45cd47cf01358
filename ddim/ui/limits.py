"""How much one request of the page may ask for: the command line, on a machine of one's own, knows no such bound."""

from ddim.errors import UserError

MAX_EVALUATIONS = 20_000


def check_work(count: int, evaluations: int, things: str = "pictures") -> None:
    """Raise UserError if so many pictures or seeds, with so many network evaluations each, are too much for a request.

    It says how many would fit.
    """
    if count * evaluations <= MAX_EVALUATIONS:
        return
    fitting = MAX_EVALUATIONS // evaluations
    raise UserError(
        f"{count} {things} with {evaluations:,} network evaluations each make {count * evaluations:,}, but one request "
        f"has at most {MAX_EVALUATIONS:,}: "
        + (f"{fitting} {things} would fit, or fewer steps." if fitting else "fewer steps would fit.")
    )

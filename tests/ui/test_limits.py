"""How much one request may ask for, and what it is told if that is too much."""

import pytest
from gradio_client.exceptions import AppError

from ddim.errors import UserError
from ddim.ui.limits import MAX_EVALUATIONS, check_work


def test_what_fits_passes_and_what_does_not_says_what_would_fit():
    check_work(200, MAX_EVALUATIONS // 200)
    with pytest.raises(UserError, match="make 180,400, but one request has at most 20,000: 1 seeds would fit"):
        check_work(16, 11_275, "seeds")
    with pytest.raises(UserError, match="at most 20,000: fewer steps would fit"):
        check_work(1, 20_001)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("api_name", "asked"),
    [
        ("/compare_steps", {"seeds": "0-15", "num_steps": "51-100", "solvers": ["ddim", "heun"], "eta": 0}),
        ("/interpolate", {"seeds": "1,2", "frames": 240, "num_steps": 100, "solver": "heun"}),
    ],
)
def test_a_request_for_hours_is_refused_at_once(client, weights, api_name, asked):
    with pytest.raises(AppError, match="but one request has at most 20,000: .* would fit"):
        client.predict(**asked, weights=weights, api_name=api_name)

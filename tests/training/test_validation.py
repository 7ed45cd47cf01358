from ddim.diffusion.sampling import FEW_STEPS
from ddim.training.validation import GUIDANCE, page_sampling


def test_weights_are_measured_as_their_card_says_and_else_as_the_page_samples():
    usual = {"num_steps": FEW_STEPS.num_steps, "solver": FEW_STEPS.solver, "node_placement": FEW_STEPS.node_placement}
    assert page_sampling({}) == {**usual, "guidance": GUIDANCE}
    assert page_sampling({"guidance": 3.0, "kid": {}}) == {**usual, "guidance": 3.0}
    own = {"num_steps": 4, "solver": "ddim", "node_placement": "reference", "guidance": 1.0}
    assert page_sampling({**own, "val_loss": 0.1}) == own

from tiny_runs import tiny_config

from ddim.data import load_dataset
from ddim.processes.member import Member
from ddim.training.follower import Follower
from ddim.training.report import Report, Silence
from ddim.training.trainer import Trainer


def trained(kind, told, run, dataset, member):
    """What this kind of trainer is after the whole run."""
    config = tiny_config(dataset, checkpoint_minutes=1e-9, average_lengths=(0.05, 0.1))
    run.mkdir()
    report = told(run, config.epochs, config.batch_size, lambda line: None, tensorboard=False)
    trainer = kind(config, run, report, load_dataset(dataset, 8), member=member)
    trainer.run_epochs()
    return trainer


def test_only_process_0_writes_and_the_others_take_as_many_steps(tmp_path, dataset):
    follower = trained(Follower, Silence, tmp_path / "follower", dataset, Member(process=1, processes=2))
    assert not list((tmp_path / "follower").iterdir())
    first = trained(Trainer, Report, tmp_path / "first", dataset, Member(process=0, processes=2))
    written = {path.name for path in (tmp_path / "first").iterdir()}
    assert {"checkpoints", "metrics.jsonl", "samples", "snapshots", "status.json"} <= written
    for name in ("step", "epochs_done", "epoch_began", "loss_count"):
        assert getattr(follower.progress, name) == getattr(first.progress, name)

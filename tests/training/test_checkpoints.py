import errno
import shutil

import numpy as np
import pytest

from ddim.training.checkpoints import Progress, restore_checkpoint, save_checkpoint


class Variable:
    """What a checkpoint needs of a Keras variable."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float32)

    def __array__(self, dtype=None, copy=None):
        return self.value

    @property
    def shape(self):
        return self.value.shape

    def assign(self, value):
        self.value = value


def variables_of(number):
    return {
        "network/0": Variable(np.full((3, 2), number)),
        "network/1": Variable(number),
        "iteration": Variable([number]),
    }


def save(folder, step):
    save_checkpoint(folder, Progress(step=step, epochs_done=step // 10), variables_of(step))


def restored(folder):
    """The step of the progress that is restored, and the number in all variables; each by itself."""
    variables = variables_of(-1)
    progress = restore_checkpoint(folder, variables)
    numbers = {float(number) for variable in variables.values() for number in variable.value.flat}
    assert len(numbers) == 1
    return progress.step, int(numbers.pop())


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_restored(tmp_path):
    progress = Progress(12, 1, 8, 3.5, {"loss": 0.1 + 0.2, "image_loss": 7.0}, 2, 0.25, 1, "12 training pictures")
    save_checkpoint(tmp_path / "checkpoints", progress, variables_of(12))
    assert restore_checkpoint(tmp_path / "checkpoints", variables_of(0)) == progress
    assert restored(tmp_path / "checkpoints") == (12, 12)


def test_without_a_checkpoint_a_run_is_at_its_beginning(tmp_path):
    assert restored(tmp_path / "nothing") == (0, -1)


def test_the_last_two_are_kept_and_the_newest_is_restored(tmp_path):
    for step in (9, 10, 1_000_000):
        save(tmp_path, step)
    assert names_in(tmp_path) == ["step_00000010", "step_01000000"]
    assert restored(tmp_path) == (1_000_000, 1_000_000)


def test_the_same_step_can_be_saved_again(tmp_path):
    save(tmp_path, 5)
    save_checkpoint(tmp_path, Progress(step=5, epochs_done=1), variables_of(6))
    assert restored(tmp_path) == (5, 6)


def test_what_a_kill_left_half_written_is_in_nobodys_way(tmp_path, monkeypatch):
    save(tmp_path, 5)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *arguments, **options: None)  # a killed process cleans nothing up
        patch.setattr(np, "savez", lambda path, **arrays: path.write_bytes(b"half") and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            save(tmp_path, 6)
    assert len(names_in(tmp_path)) == 2
    assert restored(tmp_path) == (5, 5)
    save(tmp_path, 6)
    assert restored(tmp_path) == (6, 6)
    assert names_in(tmp_path) == ["step_00000005", "step_00000006"]


def test_what_cannot_be_written_leaves_no_half_and_the_one_before(tmp_path, monkeypatch):
    save(tmp_path, 5)

    def full_disk(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, 6)
    assert names_in(tmp_path) == ["step_00000005"]
    assert restored(tmp_path) == (5, 5)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def change_a_number(path):
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(6).tobytes())] ^= 1
    path.write_bytes(content)


def remove(path):
    path.unlink()


def other_names(path):
    np.savez(path, **{"network/0": np.zeros((3, 2))})


def garbage(path):
    path.write_bytes(np.random.default_rng(0).bytes(1000))


DAMAGES = [cut_in_half, empty, zeros, remove, garbage]
every_damage = pytest.mark.parametrize(
    "name, damage",
    [(name, damage) for name in ("variables.npz", "progress.json") for damage in DAMAGES]
    + [("variables.npz", change_a_number), ("variables.npz", other_names)],
    ids=lambda part: getattr(part, "__name__", part),
)


@every_damage
def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(tmp_path, name, damage):
    save(tmp_path, 5)
    save(tmp_path, 6)
    damage(tmp_path / "step_00000006" / name)
    assert restored(tmp_path) == (5, 5)


@every_damage
def test_where_all_are_damaged_a_run_is_refused_and_nothing_is_touched(tmp_path, name, damage):
    save(tmp_path, 6)
    damage(tmp_path / "step_00000006" / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    variables = variables_of(-1)
    with pytest.raises(ValueError, match="This run cannot go on: step_0000000. (cannot be read|is of another network)"):
        restore_checkpoint(tmp_path, variables)
    assert {float(number) for variable in variables.values() for number in variable.value.flat} == {-1}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    "change, because",
    [
        (lambda variables: variables | {"momentum/0": Variable(1)}, "it lacks momentum/0"),
        (lambda variables: {"network/0": variables["network/0"]}, "it has iteration as well"),
        (lambda variables: variables | {"network/1": Variable([1, 2])}, r"network/1 has the shape \(\), not \(2,\)"),
    ],
)
def test_a_checkpoint_of_another_network_or_optimizer_is_refused_with_what_does_not_fit(tmp_path, change, because):
    save(tmp_path, 5)
    with pytest.raises(ValueError, match=f"of another network, optimizer or version: {because}.*Nothing was changed"):
        restore_checkpoint(tmp_path, change(variables_of(-1)))


def test_wherever_an_archive_is_damaged_no_half_of_it_is_restored(tmp_path):
    save(tmp_path, 5)
    save(tmp_path, 6)
    path = tmp_path / "step_00000006" / "variables.npz"
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    outcomes = set()
    for start in range(0, len(content), 2):
        path.write_bytes(content[:start] + generator.bytes(8) + content[start + 8 :])
        outcomes.add(restored(tmp_path))
    assert outcomes == {(5, 5), (6, 6)}  # dates and the like may be damaged without harm

"""Who may do what: on loopback, from afar, logged in, on a Space. Each is tried as it is called."""

import socket
import threading
from types import SimpleNamespace

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from serving import free_port, serve
from tiny_runs import tiny_config

import app
from ddim.errors import UserError
from ddim.runs.folder import locked
from ddim.ui.edge import asking, without_paths
from ddim.ui.serving import launch
from ddim.ui.tabs.train import rights
from ddim.ui.tabs.train.options import GROUPS, preset_values, shown
from ddim.ui.tabs.train.rights import Rules

REFUSED = "From here you can look: training is for who sits at the machine of this app, or logs in"
NO_SUCH = "No pictures here are called"


@pytest.fixture(autouse=True)
def no_space(monkeypatch):
    for name in ("SPACE_ID", "DDIM_TRAINING"):
        monkeypatch.delenv(name, raising=False)


def own_address() -> str:
    """The address of this machine in its network, or a skip where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine is in no network")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine is in no network")
    return address


def start(client, dataset="folder:nothing"):
    values = {**preset_values("quick"), "dataset": dataset}
    named = [option for group in GROUPS.values() for option in group]
    return client.predict("mine", *(shown(values[option]) for option in named), api_name="/start_training")


def caller(address, tmp_path, **options):
    return Client(address, verbose=False, download_files=tmp_path, analytics_enabled=False, **options)


@pytest.fixture(scope="module")
def open_page(tiny_model, tmp_path_factory):
    """The page for everybody in the network."""
    with serve(tiny_model, tmp_path_factory.mktemp("open"), host="0.0.0.0") as served:
        yield served


@pytest.mark.slow
def test_from_afar_one_looks_and_samples_but_does_not_train_stop_or_delete(open_page, tmp_path):
    _, weights, demo = open_page
    address = f"http://{own_address()}:{demo.server_port}"
    stranger = caller(address, tmp_path)
    with pytest.raises(AppError, match=REFUSED):
        start(stranger)
    with pytest.raises(AppError, match=REFUSED):
        stranger.predict("flowers64.run", api_name="/stop_training")
    assert stranger.predict("flowers64.run", api_name="/training_status")["metrics"]
    few = {"seed": 1, "num_images": 1, "num_steps": 1, "weights": weights}
    assert len(stranger.predict(**few, api_name="/generate")[0]) == 1


@pytest.mark.slow
def test_at_the_machine_one_may_but_not_by_way_of_a_proxy_or_another_name(open_page, tmp_path):
    address = f"http://127.0.0.1:{open_page[2].server_port}"
    with pytest.raises(AppError, match=NO_SUCH):
        start(caller(address, tmp_path))
    for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Host": "rebound.example"}):
        with pytest.raises(AppError, match=REFUSED):
            start(caller(address, tmp_path, headers=headers))


@pytest.mark.slow
def test_who_has_logged_in_may_from_anywhere_and_nobody_else_comes_in(tiny_model, tmp_path):
    demo = app.build(str(tmp_path / "runs"), Rules(has_login=True))
    launch(demo, server_name="0.0.0.0", server_port=free_port(), quiet=True, auth=("ann", "secret"))
    try:
        address = f"http://{own_address()}:{demo.server_port}"
        with pytest.raises(AppError, match=NO_SUCH):
            start(caller(address, tmp_path, auth=("ann", "secret")))
        with pytest.raises(Exception, match="(?i)auth|credentials|log"):
            caller(address, tmp_path)
    finally:
        demo.close(verbose=False)


@pytest.fixture
def asked_by():
    """Lets a test ask as somebody, from the address and with the headers that it says."""
    tokens = []

    def ask(host="127.0.0.1", session=None, **headers):
        headers = {"host": "localhost:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = SimpleNamespace(scope={"session": session or {}})
        client = SimpleNamespace(host=host)
        asker = SimpleNamespace(client=client, headers=headers, request=request, username=None)
        tokens.append(asking.set(asker))
        return rights.refusal(Rules())

    yield ask
    for token in reversed(tokens):
        asking.reset(token)


def test_near_is_who_asks_from_this_machine_by_its_own_name(asked_by):
    assert asked_by() is None
    assert asked_by(host="::1") is None
    assert asked_by(Host="[::1]:7860", host="::1") is None
    for stranger in (
        {"host": "203.0.113.7"},
        {"Host": "flowers.example"},
        {"Host": "127.0.0.1.flowers.example"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"CF_Connecting_IP": "127.0.0.1"},
        {"X_Forwarded_Proto": "https"},
        {"X_Envoy_External_Address": "127.0.0.1"},
        {"True_Client_IP": "127.0.0.1"},
    ):
        headers = {name: value for name, value in stranger.items() if name != "host"}
        assert REFUSED in asked_by(host=stranger.get("host", "127.0.0.1"), **headers)


def test_no_other_page_acts_for_who_may(asked_by):
    other = "This comes from another page than this app's"
    assert other in asked_by(Sec_Fetch_Site="cross-site")
    assert other in asked_by(Origin="https://evil.example")
    assert asked_by(Sec_Fetch_Site="same-origin", Origin="http://localhost:7860") is None
    assert asked_by(Origin="http://localhost:7860") is None


def test_behind_a_tunnel_nobody_is_near(asked_by):
    asked_by()
    assert REFUSED in rights.refusal(Rules(is_shared=True))


def test_on_a_space_that_trains_its_owner_may_and_nobody_else(asked_by, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ann/flowers")
    assert "A Space shows recorded runs" in asked_by()
    monkeypatch.setenv("DDIM_TRAINING", "on")
    login = {"oauth_info": {"userinfo": {"preferred_username": "ann"}, "expires_at": 2e10}}
    assert asked_by(host="203.0.113.7", session=login) is None
    told = "On this Space, training is for ann, who has to be logged in."
    assert asked_by() == told
    assert asked_by(session={"oauth_info": {"userinfo": {"preferred_username": "bea"}}}) == told
    assert asked_by(session={"oauth_info": {**login["oauth_info"], "expires_at": 1e9}}) == told


@pytest.mark.parametrize(
    "dataset", ["folder:{}", "{}", "'{}'", "{}/nothing", "../runs", "~", "C:\\pictures", "folder:.", "C:/a", "a/../.."]
)
def test_a_path_is_refused_alike_whether_or_not_it_is_there(tmp_path, dataset):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=NO_SUCH):
            rights.within(tiny_config(dataset.format(place)), Rules(), str(tmp_path))


def test_pictures_are_chosen_by_the_names_of_tfds_of_uploads_and_of_folders_given_at_the_start(tmp_path):
    for name in ("runs/.pictures/ab12", "given/roses", "given/tulips", "other"):
        (tmp_path / name).mkdir(parents=True)
    rules = Rules(dataset_dirs=[tmp_path / "given", tmp_path / "other"], inception_weights="encoder.h5")
    runs_dir = str(tmp_path / "runs")
    names = rights.names_of_datasets(rules, runs_dir)
    assert names == ["folder:ab12", "folder:given", "folder:other", "folder:roses", "folder:tulips"]
    for name, place in zip(
        names, ["runs/.pictures/ab12", "given", "other", "given/roses", "given/tulips"], strict=True
    ):
        config = rights.within(tiny_config(name), rules, runs_dir)
        assert (config.dataset, config.inception_weights) == (f"folder:{tmp_path / place}", "encoder.h5")
    for name in ("oxford_flowers102", "huggingface:mnist", "cifar10:3.0.2"):
        assert rights.within(tiny_config(name), rules, runs_dir).dataset == f"tfds:{name}"


def test_weights_to_begin_with_are_names(tmp_path, tiny_weights):
    with pytest.raises(UserError, match="No weights are called"):
        rights.within(tiny_config("cifar10", init_weights=tiny_weights), Rules(), str(tmp_path))
    assert rights.within(tiny_config("cifar10", init_weights="flowers64"), Rules(), str(tmp_path)).init_weights


def test_one_training_runs_at_a_time_unless_more_may(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(rights.process, "start_run", lambda run, arguments: started.append(run.name))
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.json").write_text("{}")
    rights.start(Rules(), tmp_path / "second", [])
    with locked(tmp_path / "first"):
        with pytest.raises(UserError, match="first is training already: stop it first, or have --max-runs allow more"):
            rights.start(Rules(), tmp_path / "third", [])
        rights.start(Rules(max_runs=2), tmp_path / "fourth", [])
    assert started == ["second", "fourth"]


def test_trainings_that_begin_at_once_see_each_other(tmp_path, monkeypatch):
    release, holders = threading.Event(), []

    def hold(run, arguments):
        def train():
            with locked(run):
                ready.set()
                release.wait(60)

        run.mkdir()
        (run / "config.json").write_text("{}")
        ready = threading.Event()
        holders.append(threading.Thread(target=train))
        holders[-1].start()
        ready.wait(60)

    def start_one(name):
        try:
            rights.start(Rules(), tmp_path / name, [])
        except UserError:
            refused.append(name)

    monkeypatch.setattr(rights.process, "start_run", hold)
    refused = []
    starters = [threading.Thread(target=start_one, args=[name]) for name in "abc"]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(60)
    release.set()
    for holder in holders:
        holder.join(60)
    assert (len(holders), len(refused)) == (1, 2)


def test_sentences_hold_names_of_files_but_not_where_they_lie():
    told = {
        "[Errno 28] No space left on device: '/home/ann/my runs/x.png'": "[Errno 28] No space left on device: 'x.png'",
        "folder:/home/ann/flowers names no folder": "folder:flowers names no folder",
        "There is no C:\\Users\\ann\\encoder.h5 here.": "There is no encoder.h5 here.",
        "See https://example.org/a/b, 3/4 of runs/tiny.": "See https://example.org/a/b, 3/4 of runs/tiny.",
    }
    assert {text: without_paths(text) for text in told} == told

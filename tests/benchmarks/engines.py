"""How soon our engine runs the networks that ship, beside others: python -m tests.benchmarks.engines

The others are given the same network as a plain PyTorch module, in PyTorch itself and by its ONNX export, with channels
where they like them; they need tests/benchmarks/requirements.txt. All take turns in one process, each from pictures and
noise variances to outputs, and medians are compared. The last lines say what this machine can do at best, and how much
of that the multiplications of our engine come to.
"""

import io
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnxruntime
import openvino
import torch

import ddim
from ddim.diffusion.noise import noise_from_seeds
from ddim.model.diffusion_model import DiffusionModel
from ddim.model.multiply_adds import multiply_adds
from ddim.model.openvino_engine import processor, waves_of
from tests.benchmarks.torch_unet import TorchUNet

BATCH_SIZES = (1, 4, 16, 32)
ROUNDS = 5
SECONDS = 0.5  # of one job in one round
CHANNELS_FIRST = (0, 3, 1, 2)
TOLERANCE = 0.03  # of bfloat16, relative to the deviation of the outputs

Job = Callable[[], np.ndarray]
Inputs = Callable[[], list[np.ndarray]]


def jobs_of(model: DiffusionModel, num_images: int) -> dict[str, Job]:
    """Each evaluates one batch; the first is what all others are checked against."""
    config, network = model.config.network, model.network
    variances = np.linspace(0.05, 0.99, num_images, dtype=np.float32)
    others = [np.eye(num_images, config.num_classes, dtype=np.float32)] if config.num_classes else []
    images = noise_from_seeds(range(num_images), model.image_shape)
    channels_first = np.ascontiguousarray(images.transpose(CHANNELS_FIRST))

    def inputs() -> list[np.ndarray]:
        return [channels_first, waves_of(config, variances), *others]

    return {
        "Keras, eager, float32": lambda: np.asarray(network([images, variances, *others], training=False)),
        f"ours, {model.engine.name}, {model.engine.precision}": lambda: model.engine(images, variances, *others),
        "PyTorch, bfloat16": torch_job(model, inputs),
        "ONNX Runtime, float32": onnx_job(model, inputs),
        "OpenVINO from ONNX, bfloat16": openvino_job(model, inputs),
    }


def torch_job(model: DiffusionModel, inputs: Inputs) -> Job:
    module = TorchUNet(model.config.network, model.network.get_weights())
    module = module.to(torch.bfloat16, memory_format=torch.channels_last)
    images = torch.from_numpy(inputs()[0]).to(torch.bfloat16, memory_format=torch.channels_last)

    def run() -> np.ndarray:
        others = [torch.from_numpy(array).to(torch.bfloat16) for array in inputs()[1:]]
        with torch.inference_mode():
            return module(images, *others).float().permute(0, 2, 3, 1).numpy()

    return run


def exported(model: DiffusionModel, inputs: Inputs) -> bytes:
    content, module = io.BytesIO(), TorchUNet(model.config.network, model.network.get_weights())
    with warnings.catch_warnings(action="ignore"):  # about the older of two exports, which needs no more packages
        torch.onnx.export(module, tuple(map(torch.from_numpy, inputs())), content, dynamo=False)
    return content.getvalue()


def onnx_job(model: DiffusionModel, inputs: Inputs) -> Job:
    session = onnxruntime.InferenceSession(exported(model, inputs), providers=["CPUExecutionProvider"])
    names = [put.name for put in session.get_inputs()]
    return lambda: session.run(None, dict(zip(names, inputs(), strict=True)))[0].transpose(0, 2, 3, 1)


def openvino_job(model: DiffusionModel, inputs: Inputs) -> Job:
    core = openvino.Core()
    graph = core.read_model(exported(model, inputs))
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16"}
    request = core.compile_model(graph, "CPU", hints).create_infer_request()

    def run() -> np.ndarray:
        request.infer(inputs(), share_inputs=True)
        return request.get_output_tensor().data.transpose(0, 2, 3, 1)

    return run


def check(jobs: dict[str, Job]) -> None:
    """Raise AssertionError if an engine says something else than the first."""
    expected, *others = (np.array(job(), np.float32) for job in jobs.values())
    for name, outputs in zip(list(jobs)[1:], others, strict=True):
        difference = np.sqrt(np.mean((outputs - expected) ** 2)) / expected.std()
        assert difference < TOLERANCE, f"{name} says something else: {difference:.3f}"


def calls_per_second(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            job()
            calls, began = 0, time.perf_counter()
            while (passed := time.perf_counter() - began) < SECONDS:
                job()
                calls += 1
            rates[name].append(calls / passed)
    return {name: statistics.median(values) for name, values in rates.items()}


def best_gigaflops() -> float:
    """Of a matrix product in bfloat16."""
    size = 4096
    factors = [torch.randn(size, size).to(torch.bfloat16) for _ in range(2)]
    return 2 * size**3 * calls_per_second({"product": lambda: factors[0] @ factors[1]})["product"] / 1e9


def gigabytes_copied() -> float:
    source = np.zeros(1 << 27, np.uint8)
    target = np.empty_like(source)
    return 2 * source.nbytes * calls_per_second({"copy": lambda: np.copyto(target, source)})["copy"] / 1e9


def main() -> None:
    versions = ", ".join(f"{package} {version(package)}" for package in ("openvino", "torch", "onnxruntime", "keras"))
    print(f"{', '.join(processor())}; {os.cpu_count()} cores; {versions}, Python {platform.python_version()}")
    limit = best_gigaflops()
    for name in ("flowers64", "flowers64-species"):
        model, rows = ddim.load(name), {}
        for num_images in BATCH_SIZES:
            jobs = jobs_of(model, num_images)
            check(jobs)
            rates = calls_per_second(jobs)
            for job, rate in rates.items():
                rows.setdefault(job, []).append(num_images * rate)
        print(f"\n{name}, evaluations a second in batches of {', '.join(map(str, BATCH_SIZES))}:")
        for job, rates in rows.items():
            print(f"  {job:30} {' '.join(f'{rate:6.0f}' for rate in rates)}")
        _, ours, *peers = rows.values()
        best = [max(rates) for rates in zip(*peers, strict=True)]
        print(f"  {'ours / the best of the others':30} {_fractions(ours, best)}")
        flops = 2 * multiply_adds(model.network) / 1e9
        print(f"  {'of the limit':30} {_fractions([flops * rate for rate in ours], [limit] * len(ours))}")
    print(f"\nA matrix product in bfloat16: {limit:.0f} GFLOP/s. A copy: {gigabytes_copied():.0f} GB/s.")


def _fractions(numbers: list[float], wholes: list[float]) -> str:
    return " ".join(f"{number / whole:6.2f}" for number, whole in zip(numbers, wholes, strict=True))


if __name__ == "__main__":
    main()

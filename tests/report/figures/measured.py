"""Runs with rows and arrays of every evaluator that a figure shows, all invented."""

import numpy as np
from fake_runs import fake_run

from research.evals.measurement import Measurement
from research.runs.outcome import file_name
from research.runs.rows import write_measurements

ARMS = ("decimate", "aps")
PARTS = ("Conv", "Downsample", "Conv")
EXAMPLES = 40


def examples(rng, protocol, measure, chance, **more):
    drawn = rng.random(EXAMPLES) < chance
    return Measurement.of_examples(protocol, measure, drawn, **more)


def of_scramble(rng):
    for grid in (1, 2, 4):
        yield examples(
            rng, "patch", "accuracy", 0.9 / grid, params={"grid": [grid] * 2}
        )
    yield examples(rng, "pixel", "accuracy", 0.5, params={"block": [2, 2]})


def of_layers(rng):
    for shift in (1, 2):
        for index, part in enumerate(PARTS):
            stride = [1, 2, 2][index]
            grid = "on" if shift % stride == 0 else "off"
            params = {"index": index, "part": part, "stride": [stride] * 2}
            params |= {"shift": [shift] * 2, "grid": grid}
            yield examples(rng, "layers", "error", 0.3, params=params)


def of_location(rng):
    for objects in (1, 2):
        for index, part in enumerate(("pixels", *PARTS), -1):
            for weights in ("none",) if index < 0 else ("trained", "untrained"):
                params = {"index": index, "part": part, "weights": weights}
                value = 0.9 - 0.1 * index - (weights == "untrained") * 0.3
                yield Measurement(
                    "location", "r2", value, 9, params=params | {"objects": objects}
                )


def of_orbit(rng):
    shifts = rng.random((6, 8))
    shifts[0, 0] = 1
    yield examples(rng, "orbit", "agreement", 0.8, arrays={"map": shifts})


def of_fractional_orbit(rng):
    for fine in (2, 3):
        shifts = np.full((6 * fine, 8 * fine), 0.5)
        shifts[0, 0] = fine / 3
        yield examples(
            rng,
            "fractional_orbit",
            "agreement",
            0.8,
            params={"upsampling": fine},
            arrays={"map": shifts},
        )


def of_receptive(rng):
    for index, part in enumerate(PARTS):
        params = {"index": index, "part": part}
        field = rng.random((7, 7))
        yield Measurement(
            "receptive", "size", 3.5, 9, params=params, arrays={"map": field}
        )


def of_fragile(rng):
    kept = {
        "images": rng.integers(0, 256, (3, 6, 8, 1), np.uint8),
        "offsets": np.array([[0, 1], [-1, 1], [1, 0]]),
        "unshifted": np.array([1, 2, 3]),
        "shifted": np.array([4, 5, 6]),
        "p_unshifted": np.array([0.91, 0.92, 0.93]),
        "p_shifted": np.array([0.61, 0.62, 0.63]),
    }
    yield examples(rng, "fragile", "agreement", 0.8, arrays=kept)


def of_flip(rng):
    for border in ("circular", "zero"):
        params = {"border": border, "direction": [0, 1], "reach": [-2, 2]}
        steps = {"steps": rng.random(4)}
        yield examples(rng, "flip", "flip_rate", 0.2, params=params, arrays=steps)


def of_calibration(rng):
    bins = {"count": np.array([0, 10, 30]), "confidence": np.array([np.nan, 0.5, 0.9])}
    bins |= {"accuracy": np.array([np.nan, 0.4, 0.95])}
    for border in (None, "circular", "zero"):
        params = {} if border is None else {"border": border, "max_shift": 3}
        yield Measurement("calibration", "ece", 0.1, 40, params=params, arrays=bins)


def of_spatial(rng):
    for attack in ("grid", "translation", "rotation", "random"):
        params = {"attack": attack} | ({"draws": 10} if attack == "random" else {})
        for measure in ("accuracy", "worst_accuracy"):
            yield examples(rng, "spatial", measure, 0.6, params=params)


def of_aliasing(rng):
    for index in (0, 1):
        for kind in ("input", "reduced", "filtered"):
            params = {"index": index, "part": f"stages.{2 * index + 1}", "map": kind}
            params["stride"] = [2, 2]
            yield Measurement("aliasing", "folded", rng.random(), 9, params=params)


def of_window(rng):
    for distance in (1, 2, 3):
        params = {"distance": distance}
        yield examples(rng, "window", "agreement", 0.8, params=params)


def of_consistency(rng):
    for kind in ("circular", "linear"):
        for distance in (1, 2, 3):
            protocol, params = f"consistency_{kind}", {"distance": distance}
            yield examples(rng, protocol, "agreement", 0.9, params=params)
        params = {"max_shift": 3, "draws": 5}
        yield examples(rng, protocol, "agreement", 0.9, params=params)
    kept = {
        "map": rng.random((3, 6, 8)),
        "images": rng.integers(0, 256, (3, 6, 8, 1), np.uint8),
        "masks": rng.choice([0, 1, 255], (3, 6, 8)).astype(np.uint8),
        "predictions": rng.integers(0, 2, (3, 6, 8), np.uint8),
    }
    yield examples(rng, "neighbours", "flips", 0.1, arrays=kept)


def of_segmentation(rng):
    yield examples(rng, "segmentation", "mean_iou", 0.8)
    params = {"distance": 1}
    yield examples(rng, "segmentation", "boundary_iou", 0.6, params=params)


def of_shifts(rng):
    answers = np.tile(np.arange(3, dtype=np.uint16)[:, None, None], (1, 2, 4))
    answers[0, 1, 3], answers[1, 1] = 7, 5
    kept = {
        "images": np.arange(3 * 6 * 8, dtype=np.uint8).reshape(3, 6, 8, 1),
        "labels": np.arange(3),
        "predictions": answers,
    }
    yield examples(rng, "explorer", "agreement", 0.8, arrays=kept)


def of_lie(rng):
    for name in ("fourier", "bicubic"):
        for index, part in enumerate((*PARTS, "Head")):
            params = {"interpolation": name, "index": index, "part": part}
            params["stride"] = [1, 1]
            yield Measurement("lie", "share", rng.normal(), 9, params=params)


KINDS = {
    "lie": of_lie,
    "shifts": of_shifts,
    "window": of_window,
    "consistency": of_consistency,
    "segmentation": of_segmentation,
    "aliasing": of_aliasing,
    "spatial": of_spatial,
    "calibration": of_calibration,
    "flip": of_flip,
    "scramble": of_scramble,
    "layers": of_layers,
    "location": of_location,
    "orbit": of_orbit,
    "fractional_orbit": of_fractional_orbit,
    "receptive": of_receptive,
    "fragile": of_fragile,
}
PICTURES = ("orbit", "receptive", "fragile")  # drawn from arrays


def measured_runs(root, **choices):
    """Writes two runs of two presets with all these measurements."""
    for preset in ARMS:
        for seed in (0, 1):
            name = f"downsample={preset},seed={seed}"
            given = {"preset": preset, "seed": seed, "choices": choices}
            folder = fake_run(root, name, overrides=[f"seed={seed}"], **given)
            facts = {"run": name, "seed": seed, "commit": "0"}
            rng = np.random.default_rng([seed, len(preset)])
            for kind, measure in KINDS.items():
                write_measurements(folder, kind, measure(rng), facts, "test")
                if kind in PICTURES:
                    other = file_name(kind, "validation", own="test")
                    write_measurements(folder, other, measure(rng), facts, "validation")
    return root

"""How often a scanned target betrays its device: `.venv/bin/python tests/measure_passport.py [devices] [seed]`.

Prints the table of docs/measurements.md.
Each simulated device has a feed, a lens and a sensor of its own, drawn by chance; then one treatment.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import cv2
import devices
import numpy as np
from devices import Treatment
from papers import Picture

from conformity.passport import Outcome, assess_passport

TREATMENTS: dict[str, tuple[Treatment, set[str]]] = {
    "JPEG, quality 75": (devices.through_jpeg(75), {"lossless"}),
    "JPEG, quality 90": (devices.through_jpeg(90), {"lossless"}),
    "JPEG, quality 95": (devices.through_jpeg(95), {"lossless"}),
    "median": (lambda page: cv2.medianBlur(page, 3), {"smoothing"}),
    "bilateral filter": (lambda page: cv2.bilateralFilter(page, 7, 20, 3), {"smoothing"}),
    "sharpened": (devices.sharpen, {"sharpening"}),
    "gamma 0.8": (devices.tone(lambda level: 255 * (level / 255) ** 0.8), {"levels"}),
    "contrast": (devices.tone(lambda level: (level - 30) * 255 / 205), {"levels", "greys"}),
    "whitened": (devices.tone(lambda level: level * 255 / 225), {"paper"}),
    "red dropped": (devices.drop_red, {"colours"}),
    "despeckled": (devices.despeckle, {"specks"}),
    "borders erased, 8 mm": (devices.erase_borders, {"borders"}),
    "cropped, 6 mm": (devices.crop(6), {"borders"}),
}
WAYS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def objections(page: Picture) -> set[str]:
    """Lines that are not well."""
    reading = devices.read(np.ascontiguousarray(page))
    assert reading is not None
    return {line.name for line in assess_passport([reading]).lines if line.outcome in (Outcome.WARN, Outcome.FAIL)}


def trials(chance: np.random.Generator) -> Iterator[tuple[str, Callable[[], Picture], set[str]]]:
    """One device: what is done, the page, the lines of which one should object; none for the honest one."""
    feed = {"skew": chance.uniform(-1.2, 1.2), "shift": tuple(chance.uniform(-2, 2, 2)), "noise": chance.uniform(0.8, 3.5)}
    optics = {**feed, "blur": chance.uniform(0.45, 0.75)}
    page = devices.honest(**optics)
    yield "honest", lambda: page, set()
    degrees = chance.uniform(0.3, 1.5)
    for way in WAYS:
        yield "straightened by its edges, 0.3 to 1.5°", lambda way=way: devices.straighten(degrees, way)(page), {"straightened"}
    yield "straightened by its content", lambda: devices.straighten(optics["skew"] + 1.5)(page), {"straightened"}
    for dpi in (150, 200, 240):
        coarse = devices.honest(**{**optics, "dpi": (dpi, dpi)})
        for way in WAYS:
            large = cv2.resize(coarse, (2480, 3508), interpolation=way)
            yield f"{dpi} dpi sold as 300", lambda large=large: np.asarray(large, np.uint8), {"enlarged", "detail"}
    for name, (treat, lines) in TREATMENTS.items():
        yield name, lambda treat=treat: treat(page), lines


def measure(number: int, seed: int) -> None:
    """Print caught / tried for each treatment, and the CPU seconds of an honest page."""
    cv2.setNumThreads(1)
    chance, caught, tried = np.random.default_rng(seed), Counter[str](), Counter[str]()
    seconds = []
    for _ in range(number):
        for name, page, lines in trials(chance):
            image = page()
            begun = time.process_time()
            found = objections(image)
            seconds.append(time.process_time() - begun)
            tried[name] += 1
            caught[name] += bool(found & lines) if lines else not found
    for name, count in tried.items():
        print(f"| {name} | {caught[name]} of {count} |")
    print(f"{np.median(seconds):.2f} s of CPU per page")


if __name__ == "__main__":
    measure(*(int(word) for word in (sys.argv[1:] + ["10", "77"][len(sys.argv) - 1 :])))

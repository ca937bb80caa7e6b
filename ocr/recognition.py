"""Feeds rapidocr's recognising network: only the letters that our papers print, and only a few widths of image.

Both are about cost. The network is delivered with 18,708 signs, most of them Chinese; its last layer and the search for the likeliest
sign are a seventh of the work. And OpenVINO prepares itself anew for each shape of image and keeps what it prepared: lines of a hundred
widths in batches of six took 1.4 GB where these widths take 0.8 GB, and short lines were padded to the width of long ones.
"""

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

HEIGHT = 48
"""Pixels of a line as the network takes it."""
WIDTHS = (48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 960, 1152, 1408, 1728, 2048)
"""Pixels; a longer line gets the next multiple of the last but one step, up to `WIDEST`."""
STEP, WIDEST = 512, 8192
_OTHER_SIGNS = "™№←↑→↓⇒−∑√∞≈≠≤≥■□▪▶◆○●☎☐☑✓✔✗✘★☆"
"""Beyond letters, punctuation and currencies."""


def is_ours(sign: str) -> bool:
    """Latin and Greek letters, digits, punctuation and currencies: whatever a French, German, Dutch or English paper prints."""
    return len(sign) == 1 and (ord(sign) < 0x400 or 0x2000 <= ord(sign) < 0x20D0 or sign in _OTHER_SIGNS)


def fed_width(width: int, height: int) -> int:
    """The width to which a line of so many pixels is padded, once it has the network's height."""
    wanted = math.ceil(HEIGHT * width / max(1, height))
    return next((known for known in WIDTHS if known >= wanted), min(WIDEST, STEP * math.ceil(wanted / STEP)))


class Recogniser:
    """Stands where the library has its own: called with lines, answers with their texts, scores and pieces."""

    def __init__(self, library: Any, threads: int) -> None:
        """`library` is rapidocr's TextRecognizer, with its model loaded."""
        self._library = library
        self._result = importlib.import_module("rapidocr.ch_ppocr_rec.typings").TextRecOutput
        model = getattr(library.session, "model", None)
        if model is not None:
            signs = _keep_signs(model, library.postprocess_op.character)
            if signs is not None:
                library.postprocess_op.character = signs
                library.session.session = _compiled(model, threads)

    def __call__(self, asked: Any) -> Any:
        """Line by line: one thread gains nothing from batches, and each batch size would be one more shape."""
        images = [asked.img] if isinstance(asked.img, np.ndarray) else asked.img
        read = [self._read_line(image) for image in images]
        texts, scores = zip(*(text for text, _ in read), strict=True)
        return self._result(images, texts, scores, tuple(pieces for _, pieces in read), 0.0)

    def _read_line(self, image: npt.NDArray[np.uint8]) -> tuple[tuple[str, float], Any]:
        height, width = image.shape[:2]
        fed = fed_width(width, height)
        # The library takes the width as a share of the height and rounds down.
        line = self._library.resize_norm_img(image, (fed + 0.5) / HEIGHT)[np.newaxis]
        guesses = self._library.session(line)
        texts, pieces = self._library.postprocess_op(
            guesses, True, wh_ratio_list=[min(width / height, fed / HEIGHT)], max_wh_ratio=fed / HEIGHT
        )
        return texts[0], pieces[0]


def _keep_signs(model: Any, signs: Sequence[str]) -> list[str] | None:
    """Cut the last layer of an OpenVINO model down to our signs; None, and the model as it was, where it is not built as expected."""
    operations = importlib.import_module("openvino").opset13
    # The first sign of the decoder stands for none, the last for a space.
    kept = [0, *(i for i, sign in enumerate(signs[1:-1], 1) if is_ours(sign)), len(signs) - 1]
    layers = _last_layers(model)
    if len(layers) != 2 or any(layer.get_data().shape[-1] != len(signs) for _, layer in layers):
        return None
    for node, layer in layers:
        fewer = np.ascontiguousarray(layer.get_data()[..., kept])
        node.input(1).replace_source_output(operations.constant(fewer).output(0))
    model.validate_nodes_and_infer_types()
    return [signs[i] for i in kept]


def _last_layers(model: Any) -> list[tuple[Any, Any]]:
    """From the result back to the last product: the sum and the product over all signs, each with its constant."""
    layers: list[tuple[Any, Any]] = []
    node = model.get_results()[0]
    for _ in range(6):
        node = node.input_value(0).get_node()
        kind = node.get_type_name()
        if kind in ("Add", "MatMul"):
            layer = node.input_value(1).get_node()
            if layer.get_type_name() != "Constant":
                return []
            layers.append((node, layer))
        if kind == "MatMul":
            return layers
    return []


def _compiled(model: Any, threads: int) -> Any:
    core = importlib.import_module("openvino").Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": str(threads)})
    return core.compile_model(model, "CPU").create_infer_request()

"""One of MediaPipe's networks, run by LiteRT, which has wheels for every Python that MegActor supports."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Network:
    """A network on one CPU core.

    Args:
        model: A `.tflite` file's bytes.
    """

    def __init__(self, model: bytes) -> None:
        # analyzers work side by side; threads of networks as small as these would only wait for each other
        self._run = Interpreter(model_content=model, num_threads=1)
        self._run.allocate_tensors()
        self._inputs = [found["index"] for found in self._run.get_input_details()]
        self._outputs = [found["index"] for found in self._run.get_output_details()]

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """Of all inputs, the batch of one included."""
        return [tuple(found["shape"].tolist()) for found in self._run.get_input_details()]

    def __call__(self, *given: np.ndarray) -> list[np.ndarray]:
        """Its inputs -> its outputs, in the file's order; the arrays are the caller's."""
        for index, value in zip(self._inputs, given, strict=True):
            self._run.set_tensor(index, value)
        self._run.invoke()
        return [self._run.get_tensor(index) for index in self._outputs]

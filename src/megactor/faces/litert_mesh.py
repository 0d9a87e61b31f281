"""MediaPipe's face mesh with attention, run by LiteRT.

Between two of its layers the network looks closer at lips and eyes, by operations that only MediaPipe's own runtime
has: it finds where they lie from the mesh so far, cuts its features there, and puts what it finds back. The network is
therefore cut in two, and what lies between is numpy.
"""

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from megactor.faces.litert_network import Network

MESH_SIDE = 192
SURFACE, VERTICES = 468, 478

_PLACE, _CUT, _PUT_BACK = b"Landmarks2TransformMatrix", b"TransformTensorBilinear", b"TransformLandmarks"


@dataclass(frozen=True)
class _Region:
    """A part of the face that is looked at closer.

    vertices: that it is made of, in the order in which its network gives them.
    ends: two vertices that lie side by side in an upright face.
    side: of the cut features in cells.
    scale: of the cut to the box around the vertices.
    features: input of the second half that takes the cut.
    outputs: of the second half, with the vertices that each gives.
    """

    vertices: np.ndarray
    ends: tuple[int, int]
    side: int
    scale: tuple[float, float]
    features: int
    outputs: tuple[tuple[int, np.ndarray], ...]


class FaceMesh:
    """478 vertices of a face in a square picture, and how sure it is that there is one.

    Args:
        model: `face_landmark_with_attention.tflite` of mediapipe 0.10.21.
    """

    def __init__(self, model: bytes) -> None:
        graph = schema.ModelT.InitFromPackedBuf(model, 0)
        tensors = graph.subgraphs[0]
        self._regions = _regions(graph)
        mesh, *_, flag = (int(tensor) for tensor in tensors.outputs)
        operators = _operators(graph, _CUT)
        (features,) = {int(operator.inputs[0]) for operator in operators}
        cells = tensors.tensors[features].shape[1]
        self._cell = MESH_SIDE / float(cells)
        self._first = Network(_part(model, [0], [mesh, flag, features]))
        inputs = [region.features for region in self._regions]
        outputs = [output for region in self._regions for output, _ in region.outputs]
        self._second = Network(_part(model, inputs, outputs))

    def __call__(self, picture: np.ndarray) -> tuple[np.ndarray, float]:
        """float32 (192, 192, 3) in [0, 1] -> (478, 2) in pixels of it, and 0 to 1."""
        mesh, flag, features = self._first(picture[None])
        points = np.zeros((VERTICES, 2), np.float32)
        points[:SURFACE] = mesh.reshape(SURFACE, 3)[:, :2]
        places = [_place(points / self._cell, region) for region in self._regions]
        cuts = [_cut(features[0], place, region.side) for place, region in zip(places, self._regions, strict=True)]
        found = iter(self._second(*(cut[None] for cut in cuts)))
        for place, region in zip(places, self._regions, strict=True):
            for _, vertices in region.outputs:
                own = next(found).reshape(-1, 2)
                points[vertices] = own @ place[:, :2].T + place[:, 2] * self._cell
        return points, float(1 / (1 + np.exp(-flag.item())))


def _place(points: np.ndarray, region: _Region) -> np.ndarray:
    """(2, 3) from the cells of a region's cut to those of the features: the box around it, turned upright."""
    (x0, y0), (x1, y1) = points[list(region.ends)]
    angle = np.arctan2(y1 - y0, x1 - x0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points[region.vertices] @ turn
    low, high = upright.min(0), upright.max(0)
    linear = turn * ((high - low) * region.scale / region.side)
    center = turn @ ((low + high) / 2)
    return np.column_stack([linear, center - linear.sum(1) * region.side / 2])


def _cut(features: np.ndarray, place: np.ndarray, side: int) -> np.ndarray:
    """float32 (side, side, C): features (H, W, C) between their cells' centers, zero outside of them."""
    height, width = features.shape[:2]
    y, x = np.mgrid[:side, :side] + 0.5
    u, v = (row[0] * x + row[1] * y + row[2] - 0.5 for row in place)
    left, top = (np.clip(np.floor(at), 0, size - 2).astype(int) for at, size in ((u, width), (v, height)))
    right, down = (u - left)[..., None], (v - top)[..., None]
    upper = features[top, left] * (1 - right) + features[top, left + 1] * right
    lower = features[top + 1, left] * (1 - right) + features[top + 1, left + 1] * right
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    return ((upper * (1 - down) + lower * down) * inside[..., None]).astype(np.float32)


def _operators(graph: Any, name: bytes) -> list[Any]:
    codes = graph.operatorCodes
    return [operator for operator in graph.subgraphs[0].operators if codes[operator.opcodeIndex].customCode == name]


def _regions(graph: Any) -> list[_Region]:
    """Lips and both eyes, as the network's own custom operations describe them."""
    makers = {int(out): operator for operator in graph.subgraphs[0].operators for out in operator.outputs}
    put_back = _operators(graph, _PUT_BACK)
    cuts = {int(operator.inputs[1]): int(operator.outputs[0]) for operator in _operators(graph, _CUT)}
    regions = []
    irises = iter(((468, 473), (473, 478)))
    for operator in _operators(graph, _PLACE):
        options = flexbuffers.Loads(bytes(operator.customOptions))
        place = int(operator.outputs[0])
        vertices = np.array(options["subset_idxs"])
        outputs = []
        for back in put_back:
            points, scaled = (int(tensor) for tensor in back.inputs)
            if int(makers[scaled].inputs[0]) == place:
                count = int(graph.subgraphs[0].tensors[points].shape[1])
                of = vertices if count == len(vertices) else np.arange(*next(irises))
                outputs.append((points, of))
        regions.append(
            _Region(
                vertices=vertices,
                ends=(options["left_rotation_idx"], options["right_rotation_idx"]),
                side=options["output_width"],
                scale=(options["scale_x"], options["scale_y"]),
                features=cuts[place],
                outputs=tuple(outputs),
            )
        )
    return regions


def _part(model: bytes, inputs: list[int], outputs: list[int]) -> bytes:
    """A network of its own: what leads from some tensors to others."""
    part = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = part.subgraphs[0]
    needed, operators = set(outputs), []
    for operator in reversed(graph.operators):
        if needed & {int(out) for out in operator.outputs} - set(inputs):
            operators.append(operator)
            needed |= {int(tensor) for tensor in operator.inputs}
    graph.operators, graph.inputs, graph.outputs = operators[::-1], inputs, outputs
    part.signatureDefs, part.metadata = [], []
    builder = flatbuffers.Builder(len(model))
    builder.Finish(part.Pack(builder), b"TFL3")
    return bytes(builder.Output())

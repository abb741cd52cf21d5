"""Boxes of objects in images: overlaps, anchors, targets of detectors, non-maximum suppression, tiles and drawing."""

from tensorsmith.image.boxes.anchors import anchor_sizes
from tensorsmith.image.boxes.draw import draw
from tensorsmith.image.boxes.grid import Detections, decode_grid, encode_grid
from tensorsmith.image.boxes.iou import iou
from tensorsmith.image.boxes.matching import match_anchors
from tensorsmith.image.boxes.tiles import Tiles, tile, untile
from tensorsmith.ops import Selection, non_max_suppression

__all__ = [
    "Detections",
    "Selection",
    "Tiles",
    "anchor_sizes",
    "decode_grid",
    "draw",
    "encode_grid",
    "iou",
    "match_anchors",
    "non_max_suppression",
    "tile",
    "untile",
]

"""Boxes of objects in images: overlaps, anchors, targets of detectors, non-maximum suppression, tiles and drawing."""

from tensorsmith.image.boxes.anchors import anchor_sizes
from tensorsmith.image.boxes.component_boxes import Components, component_boxes
from tensorsmith.image.boxes.crop_boxes import crop_boxes
from tensorsmith.image.boxes.draw import draw, draw_detections
from tensorsmith.image.boxes.grid import Detections, decode_grid, encode_grid
from tensorsmith.image.boxes.iou import iou
from tensorsmith.image.boxes.matching import match_anchors
from tensorsmith.image.boxes.selection import select_detections
from tensorsmith.image.boxes.tiles import Tiles, tile, untile
from tensorsmith.ops import Selection, non_max_suppression

__all__ = [
    "Components",
    "Detections",
    "Selection",
    "Tiles",
    "anchor_sizes",
    "component_boxes",
    "crop_boxes",
    "decode_grid",
    "draw",
    "draw_detections",
    "encode_grid",
    "iou",
    "match_anchors",
    "non_max_suppression",
    "select_detections",
    "tile",
    "untile",
]

"""Host steps between and after the graphs: decoding, suppression, RoI weights, maps to pixels."""

from densepose_mobile.postprocess.decode import decode_boxes, locations, sigmoid
from densepose_mobile.postprocess.nms import box_iou, nms
from densepose_mobile.postprocess.rois import crop_square, roi_boxes, roi_weights

__all__ = ["box_iou", "crop_square", "decode_boxes", "locations", "nms", "roi_boxes", "roi_weights", "sigmoid"]

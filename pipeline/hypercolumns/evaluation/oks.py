"""COCO's keypoint evaluation by object keypoint similarity (OKS), as a second opinion on people."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.results import Results
from hypercolumns.regions.boxes import to_coco

_PAIRED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_KEYPOINTS = ("nose", *(f"{side}_{name}" for name in _PAIRED for side in ("left", "right")))
"""The keypoints of COCO's people, in COCO's order. Only for these is the spread of annotators known."""


def oks_average_precision(annotations: AnnotationSet, category: Category, results: Results) -> dict[str, float | None]:
    """Compute COCO's AP for keypoints of one category.

    At most 20 results per image enter, as in COCO. Difficult instances are passed on as unlabelled, which COCO ignores.

    Returns
    -------
    dict
        `oks_ap` (mean over the OKS .50, .55, ... .95) and `oks_ap_50`, in points of 0..100; both are None without a
        labelled keypoint. Empty when the category's keypoints are not COCO's 17, in any order.
    """
    if sorted(category.keypoints) != sorted(COCO_KEYPOINTS):
        return {}
    instances = [
        {
            "id": number,
            "image_id": i.image_id,
            "category_id": category.id,
            "bbox": to_coco(i.box).tolist(),
            "area": i.area,
            "iscrowd": int(i.crowd),
            "keypoints": list(i.keypoints) or [0] * 3 * len(COCO_KEYPOINTS),
            "num_keypoints": 0 if i.ignore else sum(v > 0 for v in i.keypoints[2::3]),
        }
        for number, i in enumerate(annotations.instances, start=1)
        if i.category_id == category.id
    ]
    if not any(i["num_keypoints"] for i in instances):
        return {"oks_ap": None, "oks_ap_50": None}
    if not results:
        return {"oks_ap": 0.0, "oks_ap_50": 0.0}
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image.id} for image in annotations.images],
        "categories": [{"id": category.id, "name": category.name}],
        "annotations": instances,
    }
    predicted = [{key: r[key] for key in ("image_id", "category_id", "keypoints", "score")} for r in results]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(predicted), "keypoints")
        spread = dict(zip(COCO_KEYPOINTS, Params("keypoints").kpt_oks_sigmas, strict=True))
        evaluation.params.kpt_oks_sigmas = np.array([spread[name] for name in category.keypoints])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"oks_ap": 100 * float(evaluation.stats[0]), "oks_ap_50": 100 * float(evaluation.stats[1])}

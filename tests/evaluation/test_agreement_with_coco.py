"""Where the definitions meet (best_free matching, crowds, no difficult instances) COCO's own evaluation agrees."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hypercolumns.evaluation.detections import THRESHOLDS, box_overlaps, mask_overlaps, match_categories, overlaps_of
from tests.evaluation.scenes_for_evaluation import random_scene

RECALLS = np.linspace(0, 1, 1001)


def coco_evaluation(annotations, detections, kind):
    truth = COCO()
    truth.dataset = annotations._to_json()
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes([dict(entry) for entry in detections])
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.maxDets = [10_000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        # COCO accepts an overlap equal to the threshold, best_free does not.
        evaluation.params.iouThrs = THRESHOLDS + 1e-9
        evaluation.params.recThrs = RECALLS
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("kind", "overlap"), [("segm", mask_overlaps), ("bbox", box_overlaps)])
def test_every_verdict_and_every_precision_equals_that_of_coco(seed, kind, overlap):
    annotations, detections = random_scene(np.random.default_rng(seed), difficult=0)
    ours = match_categories(
        annotations, detections, overlaps_of(annotations, detections, overlap), THRESHOLDS, "best_free"
    )
    theirs = coco_evaluation(annotations, detections, kind)

    verdict = {}
    for entry in filter(None, theirs.evalImgs):
        for column, number in enumerate(entry["dtIds"]):
            matched, ignored = entry["dtMatches"][:, column] > 0, entry["dtIgnore"][:, column]
            verdict[number - 1] = matched & ~ignored, ignored
    assert len(verdict) == len(detections)
    for matches in ours.values():
        for row, hit, neutral in zip(matches.rows, matches.hit, matches.neutral, strict=True):
            np.testing.assert_array_equal(hit, verdict[row][0])
            np.testing.assert_array_equal(neutral, verdict[row][1].astype(bool))

    for k, category in enumerate(annotations.categories):
        precision = theirs.eval["precision"][:, :, k, 0, 0]
        for t in range(len(THRESHOLDS)):
            if not ours[category.id].positives:
                assert (precision == -1).all()
                assert ours[category.id].average_precision(t) is None
                continue
            np.testing.assert_allclose(ours[category.id].curve(t).at(RECALLS), precision[t], atol=1e-12)
            assert ours[category.id].average_precision(t) == pytest.approx(precision[t].mean(), abs=2e-3)

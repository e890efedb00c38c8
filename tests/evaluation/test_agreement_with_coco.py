"""Our verdicts and precision equal COCO's where the definitions coincide: best_free, no difficult instances."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    box_overlaps,
    mask_overlaps,
    match_categories,
    overlaps_by_image,
)
from tests.evaluation.scenes_for_evaluation import random_scene

RECALLS = np.linspace(0, 1, 1001)


def coco_evaluation(path, detections, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        found = truth.loadRes([dict(entry) for entry in detections])
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.maxDets = [10_000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        # COCO accepts an overlap equal to the threshold; best_free does not.
        evaluation.params.iouThrs = THRESHOLDS + 1e-9
        evaluation.params.recThrs = RECALLS
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("kind", "overlap"), [("segm", mask_overlaps), ("bbox", box_overlaps)])
def test_every_verdict_and_every_precision_equals_that_of_coco(tmp_path, seed, kind, overlap):
    annotations, detections = random_scene(np.random.default_rng(seed), difficult=0)
    ours = match_categories(
        annotations, detections, overlaps_by_image(annotations, detections, overlap), THRESHOLDS, "best_free"
    )
    annotations.save(tmp_path / "truth.json")
    theirs = coco_evaluation(tmp_path / "truth.json", detections, kind)

    verdicts = {}
    for entry in filter(None, theirs.evalImgs):
        for column, number in enumerate(entry["dtIds"]):
            matched, ignored = entry["dtMatches"][:, column] > 0, entry["dtIgnore"][:, column]
            verdicts[number - 1] = matched & ~ignored, ignored
    assert len(verdicts) == len(detections)
    for matches in ours.values():
        for row, hit, neutral in zip(matches.rows, matches.hit, matches.neutral, strict=True):
            np.testing.assert_array_equal(hit, verdicts[row][0])
            np.testing.assert_array_equal(neutral, verdicts[row][1].astype(bool))

    for k, category in enumerate(annotations.categories):
        precision = theirs.eval["precision"][:, :, k, 0, 0]
        for t in range(len(THRESHOLDS)):
            if not ours[category.id].positives:
                assert (precision == -1).all()
                assert ours[category.id].average_precision(t) is None
                continue
            np.testing.assert_allclose(ours[category.id].curve(t).precision_at(RECALLS), precision[t], atol=1e-12)
            assert ours[category.id].average_precision(t) == pytest.approx(precision[t].mean(), abs=2e-3)

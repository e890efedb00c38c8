"""Synthetic scenes for the evaluation tests: rectangles as instances, and detections of them."""

from dataclasses import replace

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance

HEIGHT, WIDTH = 40, 60
CATEGORIES = (Category(1, "person"), Category(2, "horse"), Category(7, "car"))


def rectangle(x0, y0, x1, y1):
    """Boolean mask (HEIGHT, WIDTH) of a box."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def instance(number, box, category_id=1, image_id=1, **changes):
    """Instance that fills its box x0, y0, x1, y1, except for `changes` of its fields."""
    mask = masks.encode(rectangle(*box))
    filled = Instance(number, image_id, category_id, mask, tuple(map(float, box)), float(masks.area(mask)))
    return replace(filled, **changes)


def annotation_set(*instances, images=1, void=None):
    """Annotations of `images` photographs, numbered from 1, which all have the same void mask."""
    pictures = tuple(Image(number, f"{number}.jpg", WIDTH, HEIGHT, void) for number in range(1, images + 1))
    return AnnotationSet(pictures, CATEGORIES, tuple(instances), image_root=".")


def detection(box, score, category_id=1, image_id=1):
    """COCO result whose mask fills its box x0, y0, x1, y1."""
    x0, y0, x1, y1 = box
    return {
        "image_id": image_id,
        "category_id": category_id,
        "score": score,
        "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
        "segmentation": masks.encode(rectangle(*box)),
    }


def perfect(annotations):
    """One detection of score 1 per instance, with the mask and box of the instance."""
    return [
        {
            "image_id": i.image_id,
            "category_id": i.category_id,
            "instance_id": i.id,
            "score": 1.0,
            "bbox": [i.box[0], i.box[1], i.box[2] - i.box[0], i.box[3] - i.box[1]],
            "segmentation": i.segmentation,
        }
        for i in annotations.instances
    ]


def random_box(rng):
    """Box x0, y0, x1, y1 of at least 5 x 5 pixels."""
    x0, y0 = rng.integers(0, WIDTH - 8), rng.integers(0, HEIGHT - 8)
    return int(x0), int(y0), int(rng.integers(x0 + 5, WIDTH + 1)), int(rng.integers(y0 + 5, HEIGHT + 1))


def random_scene(rng, images=12, difficult=0.2, crowd=0.2):
    """Instances of random categories and flags, and detections near them and elsewhere, with distinct scores."""
    instances, entries = [], []
    for image_id in range(1, images + 1):
        for _ in range(rng.integers(0, 5)):
            box = random_box(rng)
            category_id = int(rng.choice([1, 2]))
            kind = rng.choice(["", "difficult", "crowd"], p=[1 - difficult - crowd, difficult, crowd])
            flags = {kind: True} if kind else {}
            instances.append(instance(len(instances) + 1, box, category_id, image_id, **flags))
            for _ in range(rng.integers(0, 4)):
                moved = np.array(box) + rng.integers(-3, 4, 4)
                x0, y0 = max(moved[0], 0), max(moved[1], 0)
                near = x0, y0, min(max(moved[2], x0 + 1), WIDTH), min(max(moved[3], y0 + 1), HEIGHT)
                predicted_id = category_id if rng.random() < 0.8 else 3 - category_id
                entries.append(detection(tuple(map(int, near)), 0.0, predicted_id, image_id))
        for _ in range(rng.integers(0, 3)):
            entries.append(detection(random_box(rng), 0.0, int(rng.choice([1, 2])), image_id))
    scores = (rng.permutation(len(entries)) + 1) / (len(entries) + 1)
    detections = [entry | {"score": float(score)} for entry, score in zip(entries, scores, strict=True)]
    return annotation_set(*instances, images=images), detections

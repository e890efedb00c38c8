"""Heat maps are pasted into the pixels that they were computed for."""

import numpy as np
import pytest
import torch

from hypercolumns.tasks.pasting import mix_superpixels, paste

HEAT = np.random.default_rng(0).random((50, 50)).astype(np.float32)


def test_pasting_into_a_box_of_whole_pixels_equals_torch_interpolate() -> None:
    patch = paste(HEAT, np.array([7.0, 3.0, 67.0, 43.0]), 100, 60)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(HEAT)[None, None], (40, 60), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    assert (patch.top, patch.left) == (3, 7)
    np.testing.assert_allclose(patch.values, expected, atol=1e-5)


def test_a_patch_covers_the_pixels_with_their_centre_in_the_box_and_the_photograph() -> None:
    patch = paste(HEAT, np.array([-20.4, 3.5, 30.5, 80.0]), 40, 60)
    assert patch.window == (slice(3, 60), slice(0, 30))
    # A centre on the left or upper side belongs to the box; one on the right or lower side does not.
    assert paste(HEAT, np.array([0.5, 0.5, 1.5, 1.5]), 9, 9).values.shape == (1, 1)


@pytest.mark.parametrize("box", [[50.0, 10, 90, 40], [10.0, -50, 30, -5], [3.6, 3.6, 4.2, 4.2]])
def test_a_box_without_a_pixel_centre_gives_an_empty_patch(box: list[float]) -> None:
    assert paste(HEAT, np.array(box), 40, 60).values.size == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_pixels_are_mixed_with_the_mean_of_their_superpixel_counting_zero_outside_the_box(share: float) -> None:
    labels = np.zeros((6, 8), dtype=np.int32)
    labels[:, 4:] = 1
    labels[5] = 2
    patch = paste(HEAT, np.array([0.0, 0.0, 6.0, 4.0]), 8, 6)
    mixed = mix_superpixels(patch, labels, share)
    pasted = np.zeros((6, 8), np.float32)
    pasted[patch.window] = patch.values
    for label in range(3):
        of_label = pasted[labels == label]
        expected = share * of_label.mean() + (1 - share) * of_label
        np.testing.assert_allclose(mixed.values[labels == label], expected, atol=1e-6)

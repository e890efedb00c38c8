"""Probabilities in colours over a photograph."""

import cv2
import numpy as np
from numpy.typing import NDArray


def draw_heat(
    photograph: NDArray[np.uint8], heat: NDArray[np.float32], inside: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """Draw probabilities (height, width) from 0 to 1 in colours over the photograph (height, width, 3) in grey.

    Parameters
    ----------
    inside
        (height, width) where colours are drawn; elsewhere only the photograph is seen, darker. None: where the
        probability is above 0.
    """
    grey = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    heat = np.nan_to_num(heat)
    scaled = np.round(255 * heat).astype(np.uint8)
    colour = cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    picture = np.where((heat > 0 if inside is None else inside)[..., None], 0.35 * grey + 0.65 * colour, 0.6 * grey)
    return np.asarray(picture.round(), dtype=np.uint8)

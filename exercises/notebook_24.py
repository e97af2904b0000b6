"""Exercises of notebook 24, distance or cosine."""

import numpy as np


def slopes(cosine: float) -> tuple[float, float]:
    """Medium. With equal weights the encoders 2 - |x - w| and ReLU(cos(x, w)) select the same latents, for unit vectors
    x and w. How fast does either activation grow with the cosine? Return both slopes at a given cosine, the distance's
    first. Which encoder goes on turning its rows when they already fit well?"""
    return float(1 / np.sqrt(2 - 2 * cosine)), 1.0

"""Writes preprocess/augment/testdata/golden.json: movements by scipy.ndimage,
intensities by numpy in float64.

Run from the root of the repository, with numpy and scipy:

    python bench/golden_augment.py > preprocess/augment/testdata/golden.json

A case has the numbers that a stage draws, as uniform ones from 0 to 1 in the
order in which it draws them, and what came in and has to come out.
"""

import json
import sys

import numpy as np
from scipy.ndimage import affine_transform

rng = np.random.default_rng(20240607)


def rounded(v):
    return [float(f"{np.float32(x):.9g}") for x in np.asarray(v).ravel()]  # as many digits as tell any two apart


def either(u, v):
    return v * (2 * u - 1)


def image(name, shape, rotate, scale, shift, shear, border, hold):
    """The forward movement, inverted by numpy."""
    src = np.float32(rng.uniform(-1, 1, shape))
    u = rng.uniform(0, 1, 5)
    turn, zoom, lean = np.radians(either(u[0], rotate)), 1 + either(u[1], scale), np.tan(np.radians(either(u[2], shear)))
    # Over (y, x), y downwards.
    scaled = np.eye(2) * zoom
    leaned = np.array([[1, 0], [lean, 1]])
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    back = np.linalg.inv(turned @ leaned @ scaled)
    middle = (np.array(shape) - 1) / 2
    offset = middle - back @ (middle + np.array([either(u[3], shift), either(u[4], shift)]))
    out = affine_transform(src.astype(float), back, offset, order=1, mode="nearest" if hold else "grid-constant", cval=border)
    return dict(Name=name, Shape=shape, Rotate=rotate, Scale=scale, Shift=shift, Shear=shear, Border=border, Hold=hold,
                Draws=list(u), In=rounded(src), Out=rounded(out))


def plane_turn(d, angle):
    a, b = (d + 1) % 3, (d + 2) % 3
    m = np.eye(3)
    m[a, a], m[b, a], m[a, b], m[b, b] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
    return m


def movement(name, shape, size, flip, zoom, rotate, shift, air):
    """Flipped, zoomed, turned about D, H, W, shifted; the box is cut where u says."""
    src = np.float32(rng.uniform(-1, 1, shape))
    # Labels in blocks, so that those of the nearest voxel are no matter of rounding alone.
    labels = (np.indices(shape) // 3).sum(0) % 4
    u = rng.uniform(0, 1, 15)
    draws = iter(u)
    next(draws)  # zoom, and turned, with probability 1
    z = zoom[0] + (zoom[1] - zoom[0]) * next(draws)
    next(draws)
    angles = [np.radians(rotate[0] + (rotate[1] - rotate[0]) * next(draws)) for _ in range(3)]
    forward = np.eye(3)
    centre, moved = np.zeros(3), np.zeros(3)
    flips = np.eye(3)
    for d in range(3):
        if next(draws) < flip[d]:
            flips[d, d] = -1
        moved[d] = np.round(either(next(draws), shift[d]))
        where = next(draws)
        centre[d], needs = (shape[d] - 1) / 2, (size[d] - 1) / z
        if needs < shape[d] - 1:
            centre[d] = needs / 2 + where * (shape[d] - 1 - needs)
    forward = plane_turn(2, angles[2]) @ plane_turn(1, angles[1]) @ plane_turn(0, angles[0]) @ (z * flips)
    back = np.linalg.inv(forward)
    offset = centre - back @ ((np.array(size) - 1) / 2 + moved)
    out = affine_transform(src.astype(float), back, offset, output_shape=tuple(size), order=1, mode="grid-constant", cval=air)
    # Nearest: order 0. Places within 1e-6 of the middle between two voxels do not occur.
    seg = affine_transform(labels, back, offset, output_shape=tuple(size), order=0, mode="grid-constant", cval=0)
    return dict(Name=name, Shape=shape, Size=size, Flip=flip, Zoom=zoom, Rotate=rotate, Move=shift, Air=air, Draws=list(u),
                In=rounded(src), Out=rounded(out), Labels=[int(v) for v in labels.ravel()], Seg=[int(v) for v in seg.ravel()])


def intensity(name, brightness, offset, contrast, gamma):
    """batchgenerators' formulas (0.21), over what is not air."""
    v = np.float32(rng.normal(1, 2, (4, 6, 5)))
    v[:, :2] = 0
    u = rng.uniform(0, 1, 11)
    out = v.astype(float)
    t = out[v != 0]
    pick = lambda d, k: d[0] + (d[1] - d[0]) * u[k]
    # u[0], u[1] seed noise; then, each, whether and how much.
    if brightness:
        t = t * pick(brightness, 5)
    if offset:
        t = t + pick(offset, 7)
    if contrast:
        lo, hi, mean = t.min(), t.max(), t.mean()
        t = np.clip((t - mean) * pick(contrast, 9) + mean, lo, hi)
    if gamma:
        u = np.append(u, rng.uniform(0, 1))
        lo, width, mean, sd = t.min(), np.ptp(t), t.mean(), t.std()
        t = ((t - lo) / width) ** pick(gamma, 11)
        t = (t - t.mean()) / t.std() * sd + mean
    out[v != 0] = t
    draws = list(u) + [0.5] * (12 - len(u))
    return dict(Name=name, Shape=list(v.shape), Brightness=brightness or [], Offset=offset or [], Contrast=contrast or [], Gamma=gamma or [],
                Draws=draws, In=rounded(v), Out=rounded(out))


json.dump(dict(
    Images=[
        image("turned", [9, 12], 40, 0, 0, 0, 0.25, False),
        image("scaled and shifted", [8, 8], 0, 0.3, 2.5, 0, -1, False),
        image("sheared", [7, 9], 0, 0, 0, 30, 0.5, False),
        image("all", [12, 10], 25, 0.2, 2, 15, 0, False),
        image("all, held", [12, 10], 25, 0.2, 2, 15, 0, True),
        image("a row", [1, 12], 10, 0.2, 0.4, 0, 0, False),
    ],
    Movements=[
        movement("zoomed", [6, 7, 8], [6, 7, 8], [0, 0, 0], [1.2, 1.5], [0, 0], [0, 0, 0], 0.5),
        movement("small", [6, 7, 8], [6, 7, 8], [0, 1, 0], [0.6, 0.8], [0, 0], [0, 0, 0], -1),
        movement("turned", [7, 8, 9], [7, 8, 9], [1, 0, 0], [1, 1], [-40, 40], [0, 0, 0], 0),
        movement("all", [8, 10, 9], [6, 7, 8], [0.5, 0.5, 0.5], [0.8, 1.3], [-30, 30], [1, 2, 3], 0.25),
    ],
    Intensities=[
        intensity("brightness and offset", [0.7, 1.3], [-1, 1], None, None),
        intensity("less contrast", None, None, [0.5, 0.9], None),
        intensity("more contrast", None, None, [1.2, 2], None),
        intensity("gamma", None, None, None, [0.5, 2]),
        intensity("all", [0.7, 1.3], [-1, 1], [0.5, 1.8], [0.5, 2]),
    ],
), sys.stdout, separators=(",", ":"))
print()

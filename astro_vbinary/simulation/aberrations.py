"""Coma and trefoil: what real PSFs from the ground have and Moffat profiles lack."""

import numpy as np

__all__ = ["cubic_forms", "distort", "draw_aberrations"]

#: Standard deviation of each component of coma and of trefoil, and of the logarithm of
#: their size from one stack to another. Set by what ``benchmarks/star_realism.py``
#: finds around bright stars of SDSS; the centre that it fits takes up part of the coma.
COMA, TREFOIL, SIZE_SCATTER = 0.35, 0.16, 0.4

#: Share of the variance that the bands of a stack, seen by one telescope, have alike.
COMMON = 0.5

#: Coma and trefoil together are no larger, so that no light is negative.
LARGEST = 0.9


def draw_aberrations(stacks, n, rng):
    """Draw the aberrations of many images.

    Parameters
    ----------
    stacks : list of int
        Shape (m,): the stack that each image belongs to.
    n : int
        Number of stacks.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, 4), as from `cubic_forms`.
    """
    shape = np.array([COMA, COMA, TREFOIL, TREFOIL])
    both = np.sqrt(COMMON) * rng.standard_normal((n, 4))[stacks]
    own = np.sqrt(1 - COMMON) * rng.standard_normal((len(stacks), 4))
    size = np.exp(SIZE_SCATTER * rng.standard_normal(n))[stacks, None]
    terms = shape * size * (both + own)
    total = np.hypot(terms[:, 0], terms[:, 1]) + np.hypot(terms[:, 2], terms[:, 3])
    terms *= np.minimum(1, LARGEST / np.maximum(total, 1e-9))[:, None]
    return cubic_forms(terms[:, :2], terms[:, 2:])


def cubic_forms(coma, trefoil):
    r"""Coefficients of a cubic form with given coma and trefoil.

    The form is :math:`r^3 [c_1 \cos(\phi - \phi_1) + c_3 \cos 3(\phi - \phi_3)]`.

    Parameters
    ----------
    coma, trefoil : `~numpy.ndarray`
        Shape (m, 2): :math:`c_k \cos k\phi_k` and :math:`c_k \sin k\phi_k`.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, 4): coefficients of :math:`x^3, x^2 y, x y^2, y^3`.
    """
    a1, b1 = np.transpose(coma)
    a3, b3 = np.transpose(trefoil)
    return np.stack([a1 + a3, b1 + 3 * b3, a1 - 3 * a3, b1 - b3], axis=1)


def distort(images, u, v, cubic):
    r"""Multiply images of stars by :math:`1 + q(u, v) / (1 + u^2 + v^2)^{3/2}`.

    The cubic form q leaves the middle as it is and shifts light around it, the more
    the farther out, as coma and trefoil do; the sum over a round star stays.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (n, ny, nx), changed in place.
    u, v : `torch.Tensor`
        Shapes (n, nx) and (n, ny): offsets from the stars in units of the FWHM.
    cubic : `torch.Tensor`
        Shape (n, 4).
    """
    xxx, xxy, xyy, yyy = cubic[:, :, None].unbind(1)
    u, v = u[:, None, :], v[:, :, None]
    form = v * (xyy[:, None] * u) + xxy[:, None] * (u * u)
    form = form.mul_(v).add_(xxx[:, None] * u**3).add_(yyy[:, None] * v**3)
    falling = (v * v + (u * u + 1)).rsqrt_()
    form.mul_(falling).mul_(falling).mul_(falling)
    images.addcmul_(images, form)

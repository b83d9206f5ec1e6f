"""Stars as templates on weighted pixels: what is linear in a fit."""

from dataclasses import dataclass

import torch

from astro_vbinary.measurement.windows import Outside, cut_windows

__all__ = ["WeightedPixels", "draw_stars", "psf_rows", "shape_modes", "star_design"]


def psf_rows(batch):
    """Which PSF each band of a batch has.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.

    Returns
    -------
    `~torch.Tensor`
        Shape (n, k), long.
    """
    n, k = batch.images.shape[:2]
    rows = torch.arange(len(batch.psf) * k, device=batch.device).view(-1, k)
    return rows.expand(n, k)


def draw_stars(batch, splines, position):
    """One star of unit flux on each stack.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    splines : SplinePSF
        Its PSFs.
    position : `~torch.Tensor`
        Shape (n, 2): (east, north) in arcsec, float64.

    Returns
    -------
    `~torch.Tensor`
        Shape (n, k, ny, nx), float32.
    """
    pixel = batch.origin + (batch.to_pixel @ position[:, None, :, None])[..., 0]
    star, *_ = splines.draw(pixel.reshape(-1, 2), psf_rows(batch).reshape(-1))
    return star.view(batch.images.shape)


@dataclass
class WeightedPixels:
    """What of a batch a fit looks at; pixels are times the root of their weight.

    Attributes
    ----------
    image, root : `~torch.Tensor`
        Shape (n, k, pixels), float32: the image and the root of the weight.
    to_pixel, origin : `~torch.Tensor`
        As in the batch.
    psf : `~torch.Tensor`
        Shape (n, k), long: which PSF each band has.
    offset : `~torch.Tensor` or None
        Shape (n, k, j): by how much the PSFs were changed already.
    outside : Outside or None
        What pixels elsewhere say. With it, the pixels are those of windows, and
        ``origin``, of shape (n, k, windows, 2), is from each one's first.
    """

    image: torch.Tensor
    root: torch.Tensor
    to_pixel: torch.Tensor
    origin: torch.Tensor
    psf: torch.Tensor
    offset: torch.Tensor | None = None
    outside: Outside | None = None

    @classmethod
    def make(cls, batch, psf=None, offset=None):
        """From a batch.

        Parameters
        ----------
        batch : PixelBatch
            Stacks, n of k bands each.
        psf : `~torch.Tensor`, optional
            Shape (n, k), long; as in the batch by default.
        offset : `~torch.Tensor`, optional
            Shape (n, k, j): by how much the PSFs were changed already.

        Returns
        -------
        WeightedPixels
            Of all stacks.
        """
        root = batch.weight.sqrt()
        return cls(
            (batch.images * root).flatten(2),
            root.flatten(2),
            batch.to_pixel,
            batch.origin,
            psf_rows(batch) if psf is None else psf,
            offset,
        )

    def windows(self, positions, half, shape):
        """Those around stars only.

        Parameters
        ----------
        positions : `~torch.Tensor`
            Shape (n, m, 2): (east, north) of the stars in arcsec.
        half : int
            Half side of the windows.
        shape : tuple of int
            (ny, nx) of the images.

        Returns
        -------
        WeightedPixels
            Of m windows in each image.
        """
        place = (self.to_pixel[:, :, None] @ positions[:, None, :, :, None])[..., 0]
        place = place + self.origin[:, :, None]
        image, root = (v.unflatten(2, shape) for v in (self.image, self.root))
        image, root, corner, outside = cut_windows(image, root, place, half)
        origin = self.origin[:, :, None] - corner
        return WeightedPixels(
            image, root, self.to_pixel, origin, self.psf, self.offset, outside
        )

    def of(self, rows):
        """Of some stacks.

        Parameters
        ----------
        rows : `~torch.Tensor` or slice
            Which; as many as there are, are all.

        Returns
        -------
        WeightedPixels
            Theirs.
        """
        if not isinstance(rows, slice) and len(rows) == len(self.image):
            return self
        *values, outside = vars(self).values()
        chosen = [None if v is None else v[rows] for v in values]
        return WeightedPixels(*chosen, None if outside is None else outside.of(rows))


def star_design(pixels, splines, positions, shapes):
    """The templates of every band, weighted.

    Parameters
    ----------
    pixels : WeightedPixels
        Of n stacks of k bands.
    splines : SplinePSF
        Their PSFs.
    positions : `~torch.Tensor`
        Shape (n, m, 2): (east, north) in arcsec, float64.
    shapes : bool
        Whether to add changes of shape.

    Returns
    -------
    `~torch.Tensor`
        Shape (n * k, templates, pixels), float32, in the order of
        `~astro_vbinary.measurement.linear.solve_linear`: stars, a constant, slopes,
        changes of shape.
    """
    n, k = pixels.image.shape[:2]
    m = positions.shape[1]
    rows = pixels.psf.reshape(-1)
    # Of one window or more, each of which all stars may reach.
    origin = pixels.origin.view(n, k, -1, 1, 2)
    count = origin.shape[2]
    pixel = (pixels.to_pixel[:, :, None] @ positions[:, None, :, :, None])[..., 0]
    pixel = (pixel[:, :, None] + origin).view(-1, 2)
    root = pixels.root.view(n * k, count, *splines.shape)
    parts = splines.draw(pixel, rows.repeat_interleave(count * m))
    design = root.new_empty(n * k, 3 * m + 1 + 3 * m * shapes, *root.shape[1:])
    design[:, m] = root
    slopes = design[:, m + 1 : 3 * m + 1]
    groups = [design[:, :m], slopes[:, ::2], slopes[:, 1::2]]
    if shapes:
        parts = [*parts, *shape_modes(*parts, pixel)]
        groups += [design[:, 3 * m + 1 + mode :: 3] for mode in range(3)]
    for part, place in zip(parts, groups, strict=True):
        part = part.unflatten(0, (-1, count, m)).transpose(1, 2)
        torch.mul(part, root[:, None], out=place)
    return design.flatten(2)


def shape_modes(image, slope_x, slope_y, pixel):
    """How a star's image changes with its ellipticity and size.

    Parameters
    ----------
    image, slope_x, slope_y : `~torch.Tensor`
        Shape (m, ny, nx): the star and its derivatives by its position.
    pixel : `~torch.Tensor`
        Shape (m, 2): where it is.

    Returns
    -------
    list of `~torch.Tensor`
        Derivatives by the ellipticity 1 - b/a along x and along the diagonal, and by
        the logarithm of the width.
    """
    ny, nx = image.shape[-2:]
    pixel = pixel.to(image.dtype)
    x = torch.arange(nx, device=image.device) - pixel[:, 0, None]
    y = torch.arange(ny, device=image.device) - pixel[:, 1, None]
    x, y = x[:, None, :], y[:, :, None]
    xx, yy = x * slope_x, y * slope_y
    return [
        0.5 * (xx - yy),
        0.5 * (x * slope_y + y * slope_x),
        xx + yy - 2 * image,
    ]

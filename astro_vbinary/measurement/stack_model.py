"""The input of the statistics: stacks as pixels, noise, PSFs and a map to the sky."""

from dataclasses import dataclass, fields, replace

import torch

__all__ = ["PixelBatch"]


@dataclass(frozen=True)
class PixelBatch:
    """Stacks in their survey's own pixels, with what is needed to judge them.

    One batch has n stacks of k bands. Bands may differ in pixel scale, rotation
    and sub-pixel offset, and be smaller than the arrays: whatever is no pixel has
    weight zero, and so has a band that a stack lacks. Noise counts as white from pixel
    to pixel, which it is in native pixels and not in resampled ones: weights must then
    be those of white noise by which a star is as uncertain (``grain``).

    Attributes
    ----------
    images : `~torch.Tensor`
        Shape (n, k, ny, nx), float32: the pixels, in any unit.
    weight : `~torch.Tensor`
        Shape (n, k, ny, nx), float32: one over the variance; 0 for a bad pixel.
    psf : `~torch.Tensor`
        Shape (n, k, side, side), or (1, k, side, side) where all stacks share
        theirs, float32, side odd: the effective PSF. Its sample j along an axis is
        the share of a star's flux in a native pixel whose centre is
        (j - side // 2) / ``oversampling`` native pixels from the star.
    oversampling : int
        Samples of ``psf`` in a native pixel, odd or even; at least 4 samples
        should cover the PSF's full width at half maximum.
    to_pixel : `~torch.Tensor`
        Shape (n, k, 2, 2), float64: from (east, north) in arcsec to (x, y) in
        pixels.
    origin : `~torch.Tensor`
        Shape (n, k, 2), float64: (x, y) of the target in pixels, zero at the
        centre of the first pixel.
    grain : `~torch.Tensor`, optional
        Shape (n, k), float64: where neighbouring pixels share noise, the variance that
        ``weight`` tells over the scatter of a pixel by itself; one by default.

    Raises
    ------
    ValueError
        If shapes do not fit, or the PSF's side is even.
    """

    images: torch.Tensor
    weight: torch.Tensor
    psf: torch.Tensor
    oversampling: int
    to_pixel: torch.Tensor
    origin: torch.Tensor
    grain: torch.Tensor | None = None

    def __post_init__(self):
        shape = tuple(self.images.shape)
        if len(shape) != 4:
            raise ValueError(f"images must have shape (n, k, ny, nx), not {shape}")
        if self.grain is None:
            ones = torch.ones(shape[:2], device=self.images.device)
            object.__setattr__(self, "grain", ones)
        wanted = {
            "weight": (shape,),
            "grain": (shape[:2],),
            "to_pixel": ((*shape[:2], 2, 2),),
            "origin": ((*shape[:2], 2),),
        }
        side = self.psf.shape[-1]
        wanted["psf"] = tuple((n, shape[1], side, side) for n in (shape[0], 1))
        for name, allowed in wanted.items():
            found = tuple(getattr(self, name).shape)
            if found not in allowed:
                expected = " or ".join(map(str, allowed))
                raise ValueError(f"{name} must have shape {expected}, not {found}")
        if side % 2 == 0:
            raise ValueError(f"the PSF's side must be odd, not {side}")
        if self.oversampling < 1:
            raise ValueError(f"oversampling must be 1 or more, not {self.oversampling}")
        kinds = dict.fromkeys(("to_pixel", "origin", "grain"), torch.float64)
        for name in ("images", "weight", "psf", "to_pixel", "origin", "grain"):
            value = getattr(self, name).to(kinds.get(name, torch.float32))
            object.__setattr__(self, name, value)

    @classmethod
    def from_arrays(cls, images, weight, psfs, cd, target_pixel, **options):
        """From arrays and `~astro_vbinary.psf.PSF` objects.

        Parameters
        ----------
        images : array-like of float
            Shape (n, k, ny, nx); what is not finite counts as bad.
        weight : array-like of float
            One over the variance, broadcast to the images' shape: a number, or
            shape (n, k, 1, 1) for one noise a band; 0 for a bad pixel.
        psfs : sequence
            Of k PSFs that all stacks share, or of n sequences of k.
        cd : array-like of float
            Shape (2, 2), (k, 2, 2) or (n, k, 2, 2): (east, north) in arcsec from
            (x, y) in pixels, as a WCS's CD matrix in arcsec.
        target_pixel : array-like of float
            Shape (2,), (k, 2) or (n, k, 2): (x, y) of the target.
        **options : dict
            ``oversampling`` and ``radius`` (`~astropy.units.Quantity`) of the
            effective PSFs; chosen to suit by default.

        Returns
        -------
        PixelBatch
            On the CPU.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        from astro_vbinary.measurement.building import batch_from_arrays

        return batch_from_arrays(images, weight, psfs, cd, target_pixel, **options)

    @classmethod
    def from_stack(cls, stack, psfs, *, sigma=None, **options):
        """From the stamps of one source, on their native pixels.

        Parameters
        ----------
        stack : `~astro_vbinary.stamps.StampStack`
            The stamps.
        psfs : sequence of `~astro_vbinary.psf.PSF`
            One for each stamp, in the stamp's pixel axes.
        sigma : sequence of float or `~numpy.ndarray`, optional
            One standard deviation a pixel of each stamp; by default the stamp's
            own uncertainty, or else 1.4826 times the median absolute deviation
            of its pixels beyond 2.5 arcsec from the target.
        **options : dict
            As for `from_arrays`.

        Returns
        -------
        PixelBatch
            With one stack.

        Raises
        ------
        ValueError
            If there is not one PSF for each stamp.
        """
        from astro_vbinary.measurement.building import batch_from_stack

        return batch_from_stack(stack, psfs, sigma=sigma, **options)

    @property
    def device(self):
        """Where the tensors are (`torch.device`)."""
        return self.images.device

    @property
    def n_bands(self):
        """Number of bands (int)."""
        return self.images.shape[1]

    @property
    def pixel_scale(self):
        """Side of a pixel in arcsec; `~torch.Tensor` of shape (n, k), float64."""
        return torch.linalg.det(self.to_pixel).abs().rsqrt()

    @property
    def fwhm(self):
        """Effective full width at half maximum in arcsec.

        That of the Gaussian whose sum of squares is the PSF's, so it includes the
        pixel; a `~torch.Tensor` of shape (n, k), float64.
        """
        power = self.psf.square().sum((-2, -1)).double() / self.oversampling**2
        # A Gaussian of width W has a sum of squares of 2 ln 2 / (pi W^2).
        return (0.44127 / power).sqrt() * self.pixel_scale

    @property
    def core_width(self):
        """Width in arcsec of the PSF's core, which wings do not broaden.

        Full width at half maximum of the Gaussian whose autocorrelation is as curved
        at its peak: the step by which a star moves on the image and is another one.
        Of the power spectrum p at the frequencies k, it is 2.3548 (sum p /
        sum p k^2)^0.5; a `~torch.Tensor` of shape (n, k), float64.
        """
        power = torch.fft.rfft2(self.psf).abs().double().square()
        # Real values have a spectrum of two equal halves; the middle is there once.
        power[..., 1:] *= 2
        side, kind = self.psf.shape[-1], {"dtype": power.dtype, "device": self.device}
        ky, kx = torch.fft.fftfreq(side, **kind), torch.fft.rfftfreq(side, **kind)
        square = (2 * torch.pi) ** 2 * (ky[:, None].square() + kx.square())
        curved = (power * square).sum((-2, -1)) / power.sum((-2, -1))
        return 2.3548 * curved.rsqrt() / self.oversampling * self.pixel_scale

    def __len__(self):
        return len(self.images)

    def __getitem__(self, item):
        if isinstance(item, int):
            item = slice(item, item + 1 or None)
        chosen = {
            name: getattr(self, name)[item]
            for name in ("images", "weight", "to_pixel", "origin", "grain")
        }
        psf = self.psf if len(self.psf) == 1 else self.psf[item]
        return replace(self, psf=psf, **chosen)

    def to(self, device):
        """Move to another device.

        Parameters
        ----------
        device : `torch.device` or str
            Where to.

        Returns
        -------
        PixelBatch
            There.
        """
        moved = {
            field.name: getattr(self, field.name).to(device)
            for field in fields(self)
            if field.name != "oversampling"
        }
        return replace(self, **moved)

    def with_photon_noise(self, gain):
        """Add the photon noise of what is on the images to their variance.

        Parameters
        ----------
        gain : array-like of float
            Broadcast to shape (n, k): photo-electrons for one unit of the images.

        Returns
        -------
        PixelBatch
            With the variance of the sky, which the weights had before, plus the
            image above its median over the gain. A pixel's own value counts for half
            and its four neighbours for the rest: pixels that happen to be high would
            otherwise weigh too little.

        Raises
        ------
        ValueError
            If a gain is not positive.
        """
        shape = tuple(self.images.shape[:2])
        gain = torch.as_tensor(gain, dtype=torch.float32, device=self.device)
        if not bool((gain > 0).all()):
            raise ValueError(f"gains must be positive, not {gain.min().item():g}")
        gain = gain.expand(shape)[..., None, None]
        bad = self.weight <= 0
        values = self.images.masked_fill(bad, torch.nan)
        level = values.flatten(2).nanmedian(2).values[..., None, None]
        above = (values - level).nan_to_num(0.0)
        wide = torch.nn.functional.pad(above, (1, 1, 1, 1), mode="replicate")
        around = wide[..., 1:-1, 2:] + wide[..., 1:-1, :-2]
        around = around + wide[..., 2:, 1:-1] + wide[..., :-2, 1:-1]
        photons = (0.5 * above + 0.125 * around).clamp(min=0) / gain
        return replace(self, weight=self.weight / (1 + self.weight * photons))

    def cutout(self, radius, *, center=None):
        """The pixels around the targets, or around other places.

        Parameters
        ----------
        radius : float
            Half side in arcsec; the band with the finest pixels sets how many
            pixels that is for all.
        center : `~torch.Tensor`, optional
            Shape (n, 2): (east, north) of the middle in arcsec; the targets by
            default.

        Returns
        -------
        PixelBatch
            Arrays at most as large as they were; padded with weight zero where
            the target is near an edge.
        """
        ny, nx = self.images.shape[-2:]
        half = int(torch.ceil(radius / self.pixel_scale.min()))
        side = 2 * half + 1
        if side >= max(ny, nx):
            return self
        middle = self.origin
        if center is not None:
            offset = self.to_pixel @ center.to(middle.dtype)[:, None, :, None]
            middle = middle + offset[..., 0]
        corner = middle.round().long() - half
        steps = torch.arange(side, device=self.device)
        rows = corner[..., 1, None] + steps
        columns = corner[..., 0, None] + steps
        inside = ((rows >= 0) & (rows < ny))[..., :, None] & (
            (columns >= 0) & (columns < nx)
        )[..., None, :]
        flat = (
            rows.clamp(0, ny - 1)[..., :, None] * nx
            + columns.clamp(0, nx - 1)[..., None, :]
        )
        taken = [
            torch.where(
                inside,
                values.flatten(2).gather(2, flat.flatten(2)).view(inside.shape),
                0.0,
            )
            for values in (self.images, self.weight)
        ]
        return replace(
            self, images=taken[0], weight=taken[1], origin=self.origin - corner
        )

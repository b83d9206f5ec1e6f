"""Point-spread functions as images at any pixel scale.

`MoffatPSF` stands for what an atmosphere leaves of a star, `PupilPSF` for what a
telescope above it does. Both give the share of a star's light that falls into
each pixel, integrated over the pixel.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "base": ["PSF"],
        "moffat": ["MoffatPSF"],
        "pupil": ["PupilPSF", "hst_pupil", "jwst_pupil"],
    },
)

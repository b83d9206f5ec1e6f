"""Point-spread functions as images at any pixel scale.

`MoffatPSF` stands for what an atmosphere leaves of a star, `PupilPSF` for what a
telescope above it does, `ImagePSF` for a PSF that somebody has measured. All give
the share of a star's light that falls into each pixel, integrated over the pixel.
`draw_ground_psfs` and `space_psf` draw them as the surveys have them.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "base": ["PSF"],
        "ground": [
            "GROUND_SURVEYS",
            "GroundPSFs",
            "draw_ellipticity",
            "draw_ground_psfs",
            "draw_seeing",
        ],
        "measure": ["PSFShape", "encircled_energy", "measure_psf"],
        "mixture": ["MixturePSF"],
        "moffat": ["MoffatPSF"],
        "picture": ["ImagePSF", "psf_from_file"],
        "pupil": ["PupilPSF", "hst_pupil", "jwst_pupil", "jwst_segments"],
        "space": ["SPACE_SURVEYS", "space_psf"],
    },
)

"""One star or two: the statistical limit, and detectors that need no network.

`detectability` says how well a pair can be told from a single star in given pixels,
noise and PSFs, `clairvoyant_bound` what completeness that allows. `glrt` looks for
the second star, `calibrate_threshold` says from where on it is one, `measure_pairs`
measures the pair in each stack of stamps, and `completeness_map` and `efficiency`
judge any detector.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "bounds": [
            "GLRT_THRESHOLDS",
            "clairvoyant_bound",
            "required_d_prime",
            "scan_completeness",
            "small_separation_d_prime",
            "wide_d_prime",
        ],
        "completeness": [
            "CompletenessMap",
            "Efficiency",
            "completeness_map",
            "d_prime_at",
            "efficiency",
            "efficiency_eta",
        ],
        "contrast": ["contrast_curve"],
        "glrt": ["GLRTResult", "glrt"],
        "injection": ["Injector"],
        "limit": ["detectability", "pair_flux", "point_source_snr"],
        "neighbours": ["subtract_neighbours"],
        "pair_fit": ["fit_pairs"],
        "pair_psfs": ["model_psf"],
        "pair_result": ["PairResult"],
        "pair_values": ["PairFit"],
        "pairs": ["PSF_CHOICES", "measure_pairs"],
        "peer_detectors": ["count_peaks", "daofind_pairs", "deblend_pairs"],
        "peer_result": ["PeerResult"],
        "peer_shape": ["moment_shape"],
        "peers": ["PEERS", "Peer", "run_peer"],
        "posterior": ["PairPosterior", "sample_posterior"],
        "shapes": ["WeightedMoments", "adaptive_moments", "weighted_moments"],
        "significance": ["false_alarm_probability"],
        "source_contrast": ["source_contrast"],
        "stack_limits": ["stack_limits"],
        "stack_model": ["PixelBatch"],
        "star_psf": ["star_psf"],
        "survey_completeness": ["survey_completeness"],
        "thresholds": ["Threshold", "calibrate_threshold"],
        "uncertainty": ["PSFUncertainty"],
    },
)

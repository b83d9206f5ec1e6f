"""HSCLA: a POST of many positions, answered by a TAR of cutouts."""

import os
import re
from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits

from astro_vbinary.archives.builtin.helping import in_batches, number_in, open_image
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits, Job, Recipe
from astro_vbinary.archives.unpacking import read_members
from astro_vbinary.exceptions import FetchError

__all__ = ["HSCLA", "HsclaRecipe"]

#: Positions that one POST may have, by the manual of the service.
LARGEST_BATCH = 990

#: Environment variables with the user and the password of an account.
ACCOUNT = ("ASTRO_VBINARY_HSCLA_USER", "ASTRO_VBINARY_HSCLA_PASSWORD")

#: Number of the row of the list that a member answers, at the start of its name.
_MEMBER = re.compile(r"(?:.*/)?(\d{1,6})-cutout-[^/]*\.fits", re.DOTALL)

#: The list's columns.
COLUMNS = "rerun type filter tract ra dec sw sh image mask variance"

#: What the extensions of a cutout are, in this order, where nothing names them.
_PLANES = ("IMAGE", "MASK", "VARIANCE")


@dataclass(frozen=True, kw_only=True)
class HsclaRecipe(Recipe):
    """Cutouts of co-adds by the DAS of the HSC Legacy Archive.

    Parameters
    ----------
    rerun : str, optional
        The release.
    batch : int, optional
        Positions and bands of one POST, at most 990.
    account : tuple of str, optional
        User and password; by default those of the environment variables
        ``ASTRO_VBINARY_HSCLA_USER`` and ``ASTRO_VBINARY_HSCLA_PASSWORD``.

    Raises
    ------
    ValueError
        If the batch is too large.
    """

    rerun: str = "la2020"
    batch: int = 200
    account: tuple[str, str] | None = field(default=None, repr=False, compare=False)
    origin: str = "native"
    base_url: str = "https://hscla.mtk.nao.ac.jp"
    limits: HostLimits = HostLimits(
        concurrency=1, rate_per_s=0.5, timeout_s=900.0, max_bytes=512 * 2**20
    )

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.batch <= LARGEST_BATCH:
            raise ValueError(f"batch must be 1 to {LARGEST_BATCH}, not {self.batch}")

    def plan(self, requests):
        """Jobs of one POST each.

        Parameters
        ----------
        requests : iterable of StampRequest
            The requests.

        Yields
        ------
        Job
            As many requests as a batch has.
        """
        for batch in in_batches(requests, self.batch):
            yield Job(self.name, batch)

    def estimate(self, job):
        """Bytes of images, masks and variances.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            Three times those of the images.
        """
        return 3 * super().estimate(job)

    def fetch(self, job, client):
        """Fetch a batch.

        Parameters
        ----------
        job : Job
            The job.
        client : Client
            What is asked through.

        Yields
        ------
        Delivered or Failure
            One a request.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If there is no account, or the answer is no archive of cutouts.
        """
        url = f"{self.base_url}/das_cutout/{self.rerun}/cgi-bin/cutout"
        text = "\n".join([f"#? {COLUMNS}", *map(self._row, job.requests), ""])
        answer = client.post(
            url,
            files={"list": ("list.txt", text.encode())},
            auth=self._credentials(),
            check=_is_tar,
        )
        # Rows count from one, and the first is the heading.
        left = dict(enumerate(job.requests, 2))
        for name, content in read_members(answer.content):
            match = _MEMBER.fullmatch(name)
            request = left.pop(int(match[1]), None) if match else None
            if request is None:
                continue  # of another tract, or not ours
            try:
                yield self._deliver(request, content, name, answer.url)
            except FetchError as error:
                yield Failure(request, error.outcome, error.reason)
        for request in left.values():
            reason = f"the answer leaves out {request.band} of this position"
            yield Failure(request, Outcome.NO_COVERAGE, reason)

    def _row(self, request):
        half = request.size / 2 / 3600
        words = [self.rerun, "coadd", f"HSC-{request.band.upper()}", "any"]
        words += [f"{request.ra:.7f}", f"{request.dec:.7f}", f"{half:.8f}"]
        return " ".join([*words, f"{half:.8f}", "true", "true", "true"])

    def _credentials(self):
        account = self.account or tuple(os.environ.get(name, "") for name in ACCOUNT)
        if not all(account):
            reason = f"HSCLA needs an account: set {ACCOUNT[0]} and {ACCOUNT[1]}"
            raise FetchError(Outcome.HTTP_ERROR, reason)
        return tuple(account)

    def _deliver(self, request, content, name, url):
        hdus = open_image(content, name)
        for hdu, kind in zip(hdus[1:], _PLANES, strict=False):
            kind = str(hdu.header.get("EXTTYPE") or kind).strip().upper()
            hdu.header["EXTNAME"] = kind
        flux = number_in([hdu.header for hdu in hdus], "FLUXMAG0")
        zero_point = float(2.5 * np.log10(flux)) if flux and flux > 0 else None
        return Delivered(request, fits.HDUList(hdus), zero_point=zero_point, url=url)


def _is_tar(answer):
    """Refuse a page in place of a tar, which may be empty."""
    start = answer.content[:512]
    if start[257:262] != b"ustar" and (start.strip(b"\0") or not start):
        words = " ".join(start[:60].decode("utf-8", "replace").split())
        raise FetchError(Outcome.NOT_FITS, f"{answer.url}: no tar, but {words!r}")


HSCLA = HsclaRecipe(
    name="hscla",
    survey="HSCLA",
    bands=("g", "r", "i", "z", "y"),
    what=(
        "Co-adds of the release of 2020 with their masks and variances, from the DAS "
        "cutout service: up to 990 positions go in one POST, and a TAR comes back."
    ),
    traps=(
        "An account is needed (free): set ``ASTRO_VBINARY_HSCLA_USER`` and "
        "``ASTRO_VBINARY_HSCLA_PASSWORD``. It is never written anywhere.",
        "Positions without data are left out of the answer; members are told by the "
        "number of their row.",
        "The zero point (AB) is that of ``FLUXMAG0``, 27.0 in co-adds.",
        "The date in the header, J2000.0, is a filler and not taken as the epoch.",
        "Cores brighter than about 18 mag are saturated: the mask's ``SAT`` is kept.",
    ),
    citation=(
        "Tanaka et al. 2021, PASJ 73, 735, doi:10.1093/pasj/psab034; Aihara et al. "
        "2018, PASJ 70, S4, doi:10.1093/pasj/psx066"
    ),
    acknowledgement=(
        "Based in part on data collected at the Subaru Telescope and retrieved from "
        "the HSC data archive system (HSCLA), which is operated by the Subaru "
        "Telescope and the Astronomy Data Center at the National Astronomical "
        "Observatory of Japan."
    ),
    doc_url="https://hscla.mtk.nao.ac.jp/doc/",
)

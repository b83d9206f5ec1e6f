"""How recipes group requests into jobs."""

from itertools import groupby
from operator import attrgetter

from astro_vbinary.archives.builtin.regions import by_region
from astro_vbinary.archives.recipe import Job, Recipe

__all__ = ["ListedRecipe", "RegionRecipe", "SourceRecipe", "Tiled"]

#: Requests of a job at most where tiles serve many.
BATCH = 64


class SourceRecipe(Recipe):
    """A recipe whose jobs are the bands of one source, as one answer serves them."""

    def plan(self, requests):
        """Jobs of the bands of one source.

        Parameters
        ----------
        requests : iterable of StampRequest
            The requests.

        Yields
        ------
        Job
            One a source, in the order in which the positions come.
        """
        what = attrgetter("source", "ra", "dec", "size", "pixel_scale")
        # Requests of one source follow each other, so that none need be kept.
        for _, group in groupby(requests, what):
            yield Job(self.name, tuple(group))


class ListedRecipe(SourceRecipe):
    """A recipe that asks for a list of the images of a source, then for each cutout."""

    def n_calls(self, job):
        """One list, and one cutout a band.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            How many.
        """
        return 1 + len(job.requests)


class RegionRecipe(Recipe):
    """A recipe whose jobs are requests near each other, which share images."""

    def plan(self, requests):
        """Jobs of requests that are near each other, in all bands.

        Parameters
        ----------
        requests : iterable of StampRequest
            The requests.

        Returns
        -------
        iterator of Job
            Some sources each.
        """
        return by_region(self.name, requests, BATCH)


class Tiled:
    """What recipes add that fetch a whole tile, once, and cut stamps from it.

    It stands before a recipe's class, which needs the fields ``whole_tiles``,
    ``tile_bytes`` and ``batch``; without whole tiles it is that class.
    """

    def plan(self, requests):
        """Jobs of requests that are near each other, in all bands.

        Parameters
        ----------
        requests : iterable of StampRequest
            The requests.

        Returns
        -------
        iterator of Job
            Some sources each.
        """
        if not self.whole_tiles:
            return super().plan(requests)
        return by_region(self.name, requests, self.batch)

    def estimate(self, job):
        """Bytes of the tiles.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            One tile a band, though jobs share tiles.
        """
        if not self.whole_tiles:
            return super().estimate(job)
        return self.tile_bytes * len({request.band for request in job.requests})

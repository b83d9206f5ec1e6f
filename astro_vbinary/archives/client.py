"""Everything that goes over the network, and how it is kept polite and finite."""

from dataclasses import dataclass, field

__all__ = ["Answer", "Client"]


@dataclass(frozen=True)
class Answer:
    """What a server sent, with a good status and in full.

    Parameters
    ----------
    url : str
        Where it came from, after redirects.
    status : int
        The HTTP status, 200 to 299.
    headers : dict of str to str
        Names in lower case.
    content : bytes
        The body, decompressed where the transfer was compressed.
    """

    url: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def text(self):
        """The body as text (str); what is not UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")


class Client:
    """Asks servers for things: retries, waits, time-outs and limits are here.

    Every method raises `~astro_vbinary.exceptions.FetchError` where the answer cannot
    be had, after the retries; its ``outcome`` says how it ended. A recipe lets it pass,
    unless it knows better.
    """

    def get(
        self,
        url,
        *,
        params=None,
        headers=None,
        auth=None,
        no_coverage_on=(),
        max_bytes=None,
        timeout_s=None,
    ):
        """Get an answer.

        Parameters
        ----------
        url : str
            Where from.
        params : dict, optional
            The query.
        headers : dict of str to str, optional
            More headers.
        auth : tuple of str, optional
            User and password.
        no_coverage_on : sequence of int, optional
            Statuses by which this server says that it has no data there, such as 404.
        max_bytes, timeout_s : float, optional
            Instead of those of the recipe's limits.

        Returns
        -------
        Answer
            The answer.
        """
        raise NotImplementedError

    def get_fits(self, url, **options):
        """Get a FITS file, all of it; an HTML page or half a file is tried again.

        Parameters
        ----------
        url : str
            Where from.
        **options
            As for `get`.

        Returns
        -------
        Answer
            The answer; its content is a whole FITS file, no longer gzipped.
        """
        raise NotImplementedError

    def post(self, url, *, data=None, files=None, content=None, **options):
        """Post something.

        Parameters
        ----------
        url : str
            Where to.
        data : dict, optional
            Fields of a form.
        files : dict, optional
            Files of a form, as httpx takes them: name to (file name, bytes).
        content : bytes, optional
            The body itself instead.
        **options
            As for `get`.

        Returns
        -------
        Answer
            The answer.
        """
        raise NotImplementedError

    def stream_to_file(self, url, path, *, fits=False, **options):
        """Write a large answer to a file, which appears when it is whole.

        Parameters
        ----------
        url : str
            Where from.
        path : `~pathlib.Path`
            Where to.
        fits : bool, optional
            Whether it must be a whole FITS file (it may be gzipped).
        **options
            As for `get`.

        Returns
        -------
        `~pathlib.Path`
            The path.
        """
        raise NotImplementedError

    def cached_file(self, url, *, fits=False, **options):
        """A file that many jobs need, fetched once: a tile, a map, a list of images.

        It lies in the client's cache, which the processes on one output share.

        Parameters
        ----------
        url : str
            Where from.
        fits : bool, optional
            Whether it must be a whole FITS file.
        **options
            As for `get`.

        Returns
        -------
        `~pathlib.Path`
            The file; do not change it.
        """
        raise NotImplementedError

    def call(self, function, *args, host, **kwargs):
        """Call a library that does its own network (astroquery, pyvo), politely.

        The call is held to the limits of the host, retried as our own requests are,
        and its exceptions become outcomes: a connection that breaks off, a status, a
        time-out, and what astroquery makes of an HTML page (``AttributeError``) or a
        cut file (``TypeError``).

        Parameters
        ----------
        function : callable
            What to call.
        *args
            Its arguments.
        host : str
            URL of the server that it asks.
        **kwargs
            Its keyword arguments.

        Returns
        -------
        object
            What it returns.
        """
        raise NotImplementedError

    def get_range(self, url, start, stop, **options):
        """Bytes of a large file.

        Parameters
        ----------
        url : str
            Where from.
        start, stop : int
            The first byte, and the one after the last.
        **options
            As for `get`.

        Returns
        -------
        content : bytes
            Exactly ``stop - start`` of them, or fewer at the end of the file.
        length : int
            Bytes of the whole file.
        """
        raise NotImplementedError

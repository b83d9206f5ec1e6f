"""Write a file whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["StampWriter"]


class StampWriter:
    """Writes stamps below one folder, and nothing outside it.

    Parameters
    ----------
    output : `~pathlib.Path`
        The folder.
    temp : `~pathlib.Path`
        Folder for what is not finished, on the same file system.
    token : str
        Begins the names of unfinished files, so that those of dead processes are known.
    """

    def __init__(self, output, temp, token):
        self._output, self._temp, self._token = Path(output), Path(temp), token
        self._made = set()

    def target(self, path):
        """Where a stamp goes.

        Parameters
        ----------
        path : str
            Relative path of a request: a folder and a name.

        Returns
        -------
        `~pathlib.Path`
            Below the output.

        Raises
        ------
        ValueError
            If the path is not one folder and one name.
        """
        parts = path.split("/")
        if len(parts) != 2 or not all(p and p[0] != "." for p in parts):
            raise ValueError(f"{path!r} is no path of a stamp")
        return self._output / parts[0] / parts[1]

    def write(self, path, content):
        """Write a stamp: it is there in full, on the disk, or not at all.

        Parameters
        ----------
        path : str
            Relative path of a request.
        content : bytes
            The file.
        """
        target = self.target(path)
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        temp = self._temp / f"{self._token}-{target.name[:40]}-{id(content):x}.part"
        try:
            with temp.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temp.replace(target)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise

    def remove(self, path):
        """Remove a stamp that an earlier request left, if there is one.

        Parameters
        ----------
        path : str
            Relative path of a request.
        """
        with suppress(FileNotFoundError, NotADirectoryError):
            self.target(path).unlink()

    def clean(self, is_alive):
        """Remove the unfinished files of dead processes.

        Parameters
        ----------
        is_alive : callable
            Called with a token, says whether its process is at work.
        """
        alive = {}
        for file in self._temp.iterdir():
            token = "-".join(file.name.split("-")[:2])
            if token not in alive:
                alive[token] = token == self._token or is_alive(token)
            if not alive[token]:
                with suppress(OSError):
                    file.unlink()

"""Learning curves for TensorBoard, while a training runs."""

from astro_vbinary.exceptions import VBinaryError

__all__ = ["EpochLog"]


class EpochLog:
    """Write the figures of each epoch where TensorBoard looks.

    A training that was killed goes on in the same curves: what it had written of the
    epochs that are done again is left out of them.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Folder of the event files; made where it is missing.

    Raises
    ------
    VBinaryError
        If tensorboard is not installed.

    Examples
    --------
    >>> from astro_vbinary.training.tensorboard import EpochLog
    >>> with EpochLog("curves") as log:  # doctest: +SKIP
    ...     log({"epoch": 1, "train_loss": 0.6, "validation_loss": 0.7})
    """

    def __init__(self, folder):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise VBinaryError(
                "TensorBoard's files need tensorboard: "
                'pip install "astro-vbinary[tensorboard]"'
            ) from error
        self._folder, self._make, self._writer = folder, SummaryWriter, None

    def __call__(self, entry):
        """Add an epoch.

        Parameters
        ----------
        entry : dict
            ``epoch`` and any figures; ``train_loss`` becomes ``train/loss``.
        """
        epoch = entry["epoch"]
        if self._writer is None:
            self._writer = self._make(str(self._folder), purge_step=epoch)
        for key, value in entry.items():
            if key != "epoch":
                self._writer.add_scalar(key.replace("_", "/", 1), value, epoch)
        self._writer.flush()

    def __enter__(self):
        """Nothing is written before the first epoch."""
        return self

    def __exit__(self, *exception):
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

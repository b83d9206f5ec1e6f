"""Dask clusters: an address, or one on this machine to try it."""

from contextlib import contextmanager

from astro_vbinary.exceptions import RunFailedError

__all__ = ["LOCAL", "connect"]

#: What stands for a cluster on this machine in place of an address.
LOCAL = "local"

#: Seconds to wait for a scheduler.
PATIENCE = 10


@contextmanager
def connect(address, *, workers=None):
    """A client of a Dask cluster for the length of a ``with`` block.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``; or ``local`` for a cluster
        of processes on this machine, which ends with the block.
    workers : int, optional
        Processes of the local cluster; one for each core by default.

    Yields
    ------
    `distributed.Client`
        The client.

    Raises
    ------
    ModuleNotFoundError
        If ``distributed`` is not installed.
    RunFailedError
        If no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Dask needs distributed: pip install "astro-vbinary[dask]"'
        ) from error
    if address == LOCAL:
        from astro_vbinary.pipeline.executors import count_cores

        with (
            LocalCluster(
                n_workers=workers or count_cores(),
                threads_per_worker=1,
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunFailedError(
            f"no Dask scheduler answers at {address}: {error}"
        ) from error
    with client:
        if not client.nthreads():
            raise RunFailedError(f"the Dask scheduler at {address} has no workers")
        yield client

"""Who does the work: this process, processes beside it, or a cluster.

This module imports nothing that starts threads, since a new process loads it before it
knows how many it may have.
"""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for

__all__ = [
    "SerialExecutor",
    "WorkerPool",
    "as_executor",
    "count_cores",
    "is_death",
    "limit_threads",
]

#: Variables by which libraries are told how many threads to start.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

#: Modules that a server of processes imports before it makes any.
PRELOAD = ("astro_vbinary.pipeline.preload",)


def limit_threads():
    """Tell libraries that are not yet imported to use one thread."""
    for name in THREADS:
        os.environ[name] = "1"


def count_cores():
    """Cores that this process may use.

    Returns
    -------
    int
        At least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_death(error):
    """Whether an error says that a process died, and not that its work went wrong.

    Parameters
    ----------
    error : BaseException
        What a future ended with.

    Returns
    -------
    bool
        True also for Dask's ``KilledWorker``.
    """
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def as_executor(executor):
    """The executor that a user gave, whatever it is.

    Parameters
    ----------
    executor : `concurrent.futures.Executor` or `distributed.Client`
        The executor, or the client of a Dask cluster.

    Returns
    -------
    executor : `concurrent.futures.Executor`
        The executor.
    workers : int
        How many chunks it works on at a time.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(executor, Executor):
        return executor, max(getattr(executor, "_max_workers", 1), 1)
    if hasattr(executor, "get_executor") and hasattr(executor, "nthreads"):
        # Not pure: Dask must not take one chunk for another that looks alike.
        workers = sum(executor.nthreads().values())
        return executor.get_executor(pure=False), max(workers, 1)
    raise TypeError(
        "executor must be a concurrent.futures.Executor or a dask.distributed.Client, "
        f"not a {type(executor).__name__}"
    )


class SerialExecutor(Executor):
    """Does the work at once, in the process and thread that submits it."""

    _max_workers = 1

    def submit(self, function, /, *args, **kwargs):
        """Call a function now.

        Parameters
        ----------
        function : callable
            The function.
        *args, **kwargs
            What it is called with.

        Returns
        -------
        `concurrent.futures.Future`
            Done already.
        """
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # it is the future's to tell
            future.set_exception(error)
        return future


class WorkerPool(Executor):
    """Processes of one thread each, replaced when one of them dies.

    They are not forked from the process that owns them, since neither CUDA nor threads
    survive that, but from a server that has imported what they need and done nothing
    else; on Windows they are spawned. They leave Ctrl-C to their owner, and end with it
    even if it is killed.

    Parameters
    ----------
    workers : int
        How many there are.
    gpus : sequence of str, optional
        GPUs that they share, as ``CUDA_VISIBLE_DEVICES`` names them: each process sees
        one of them.
    """

    def __init__(self, workers, *, gpus=()):
        self._max_workers, self._gpus = workers, tuple(gpus)
        self._pool = None
        self._own_server = False

    def _start(self):
        context = self._context()
        gpus = None
        if self._gpus:
            gpus = context.SimpleQueue()
            for number in range(self._max_workers):
                gpus.put(self._gpus[number % len(self._gpus)])
        self._pool = ProcessPoolExecutor(
            self._max_workers,
            mp_context=context,
            initializer=_start_worker,
            initargs=(gpus,),
        )

    def resize(self, workers, *, gpus=()):
        """Let the processes end, and have others in their place.

        Parameters
        ----------
        workers : int
            How many there are to be.
        gpus : sequence of str, optional
            GPUs that they share.
        """
        if self._pool is not None:
            self._pool.shutdown()
        self._pool, self._max_workers, self._gpus = None, workers, tuple(gpus)

    def _context(self):
        if "forkserver" not in multiprocessing.get_all_start_methods():
            return multiprocessing.get_context("spawn")
        from multiprocessing.forkserver import _forkserver

        context = multiprocessing.get_context("forkserver")
        if getattr(_forkserver, "_forkserver_pid", None) is None:
            # Of a server that runs already, the processes import what they lack.
            self._own_server = True
            context.set_forkserver_preload(list(PRELOAD))
        return context

    def _stop_server(self):
        """Give the server's memory back; multiprocessing itself keeps it to the end."""
        if self._own_server:
            from multiprocessing.forkserver import _forkserver

            self._own_server = False
            _forkserver.set_forkserver_preload([])
            if getattr(_forkserver, "_forkserver_pid", None) is not None:
                # It waits for all that it has made, and its work is over.
                os.kill(_forkserver._forkserver_pid, signal.SIGKILL)
                _forkserver._stop()

    def submit(self, function, /, *args, **kwargs):
        """Have a function called by one of the processes.

        Parameters
        ----------
        function : callable
            The function.
        *args, **kwargs
            What it is called with.

        Returns
        -------
        `concurrent.futures.Future`
            Its outcome; `concurrent.futures.BrokenExecutor` if a process died.
        """
        # A process is born here, and inherits that Ctrl-C is none of its business.
        with _without_interrupts():
            if self._pool is None:
                self._start()
            try:
                return self._pool.submit(function, *args, **kwargs)
            except BrokenExecutor:
                self._pool.shutdown(wait=True)
                self._start()
                return self._pool.submit(function, *args, **kwargs)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """End the processes, once they have done their work.

        Parameters
        ----------
        wait : bool, optional
            Whether to wait until they have ended.
        cancel_futures : bool, optional
            Whether work that is not begun is left.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
            self._pool = None
        if wait:
            self._stop_server()

    def kill(self):
        """End the processes now, whatever they are doing."""
        if self._pool is None:
            self._stop_server()
            return
        # Python 3.14 has terminate_workers(); before, there is only this way.
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool.shutdown(wait=True)
        self._pool = None
        self._stop_server()


@contextmanager
def _without_interrupts():
    """Hold Ctrl-C back for a moment; it comes when the block is left.

    A process that is made in the block inherits that the signal is blocked. In this
    process other threads may still take it, and Python has the main one deal with it:
    in the middle of making a process, of which then nobody would know.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # which Ctrl-C never reaches
        return
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        from multiprocessing import resource_tracker

        # It would unblock the signal if it were started in the block.
        resource_tracker.ensure_running()
    came = []
    handler = signal.signal(signal.SIGINT, lambda *call: came.append(call))
    before = (
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else None
    )
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # None is one that was not set from Python, and cannot be set again from there.
        signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)
        if came and callable(handler):
            handler(*came[0])


def _start_worker(gpus):
    """The first thing that a new process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_threads()
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus.get()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from tqdm import tqdm

    # Its usual lock is shared among processes, and left behind by one that is killed.
    tqdm.set_lock(threading.RLock())


def _end_with_parent():
    """A pool's process would wait for work for ever if its owner was killed."""
    wait_for([multiprocessing.parent_process().sentinel])
    os._exit(1)

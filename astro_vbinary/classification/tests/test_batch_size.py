"""How many stacks a network sees at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.classification.batch_size import (
    CPU_BATCH,
    IMAGES,
    LARGEST,
    PIXEL_BYTES,
    SHARE,
    choose_batch_size,
    fitting,
)


def test_a_cpu_has_its_own():
    assert choose_batch_size(torch.device("cpu"), 104) == CPU_BATCH


@given(free=st.integers(0, 2**38), side=st.integers(16, 500))
def test_what_is_chosen_fits(free, side):
    chosen = fitting(free, side)
    room = SHARE * free / (IMAGES * PIXEL_BYTES * side**2)
    assert 1 <= chosen <= LARGEST
    assert chosen <= max(room, 1)
    assert chosen == LARGEST or 2 * chosen > room


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_is_asked():
    assert choose_batch_size(torch.device("cuda"), 104) >= 64

# SPDX-License-Identifier: MIT
"""What is read from perf, and what the table says of targets met and missed."""

import pytest

from ipcbench import quality
from ipcbench.launch import ProgramError

PERF_OUTPUT = """# Running 'sched/pipe' benchmark:
# Executed 20000 pipe operations between two processes

     Total time: 0.039 [sec]

       1.997100 usecs/op
         500726 ops/sec
"""


def found(stream=10.0, ping=9.0, ratio=1.02):
    def record(median):
        return {"median": median, "low": median * 0.9, "high": median * 1.1}

    return {
        "rounds": 12,
        quality.STREAM: record(stream),
        quality.PING: record(30.0),
        quality.CLOCK: record(21.0),
        quality.PIPE: record(2000.0),
        quality.PERF: record(1990.0),
        "ping over clock": record(ping),
        "pipe to perf": record(ratio),
    }


def test_perf_output_is_read_in_nanoseconds():
    assert quality.perf_nanoseconds(PERF_OUTPUT) == pytest.approx(1997.1)


def test_other_output_is_an_error():
    with pytest.raises(ProgramError, match="no usecs/op"):
        quality.perf_nanoseconds("perf: command not found")


def test_targets_that_are_met_say_so():
    assert "missed" not in quality.render(found())


@pytest.mark.parametrize(
    "missed", [{"stream": 12.1}, {"ping": 10.1}, {"ratio": 1.11}, {"ratio": 0.89}]
)
def test_every_missed_target_says_so(missed):
    assert quality.render(found(**missed)).count("**missed**") == 1

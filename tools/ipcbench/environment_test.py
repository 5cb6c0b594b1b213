# SPDX-License-Identifier: MIT
"""environment.json: what belongs to the numbers is there, what is private is not."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from ipcbench import environment

ROOT = Path(__file__).resolve().parent.parent.parent


def captured():
    return environment.capture(ROOT, ROOT / "build" / "release")


def test_it_names_machine_kernel_limits_and_build():
    facts = captured()
    assert facts["machine"]["cpus"] >= 1 and len(facts["machine"]["machine8"]) == 8
    assert facts["system"]["kernel"] and facts["system"]["clocksource"]
    assert facts["system"]["cpu_governor"]
    assert facts["system"]["mqueue"].keys() == {"msg_max", "msgsize_max", "queues_max"}
    assert facts["build"].keys() >= {"build_type", "compiler", "flags", "commit", "dirty"}
    assert facts["load_average"] and facts["system"]["affinity"]


def test_it_names_no_host_and_no_path_of_ours():
    text = json.dumps(captured())
    assert str(ROOT) not in text
    assert f'"{socket.gethostname()}"' not in text


def test_the_machine_has_the_same_name_each_time():
    assert environment.machine()["machine8"] == environment.machine()["machine8"]


def test_conditions_that_disturb_are_warned_about():
    facts = captured()
    facts["build"]["build_type"] = "Debug"
    facts["system"].update(cpu_governor="powersave", cpu_turbo="on", affinity=[0])
    facts["system"]["cgroup"]["cpu.max"] = "150000 100000"
    facts["machine"]["cpus"] = 4
    facts["other_load_percent"] = 40.0
    warnings = " | ".join(environment.start_noise(facts))
    for word in (
        "Debug build",
        "powersave",
        "turbo",
        "40 % of the CPUs",
        "cpu.max",
        "only one CPU",
    ):
        assert word in warnings


def test_a_quiet_release_build_is_not_warned_about():
    facts = captured()
    facts["build"]["build_type"] = "Release"
    facts["system"].update(cpu_governor=environment.NOT_VISIBLE, affinity=[0, 1])
    facts["system"].update(cpu_turbo=environment.NOT_VISIBLE)
    facts["system"]["cgroup"]["cpu.max"] = "max 100000"
    facts["other_load_percent"] = 1.0
    assert environment.start_noise(facts) == []


def test_what_others_do_meanwhile_is_load():
    burn = [sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"]
    watch = environment.OtherLoad()
    with subprocess.Popen(burn) as other:
        while watch.percent() is None or watch.percent() < 1:
            assert other.poll() is None, "a second of work beside us was not seen"
        other.wait()


def test_blocks_that_others_disturbed_are_a_warning():
    assert environment.load_noise({"other_load_by_block": {"0": 1.0, "1": 4.9}}) == []
    assert environment.load_noise({}) == []
    (warning,) = environment.load_noise({"other_load_by_block": {"0": 1.0, "1": 40.0, "2": 6.0}})
    assert "over 5 % of the CPUs in 2 of 3 blocks, most in block 1: 40 %" in warning

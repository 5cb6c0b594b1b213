# SPDX-License-Identifier: MIT
"""The usage of tools/run: what is refused, with what is valid, and what is said before anything is measured."""

import re
import subprocess
from pathlib import Path

import pytest

from ipcbench import run
from ipcbench.plan import load_profiles

RUN = Path(__file__).resolve().parent.parent / "run"


@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        (["--profile", "fast"], ["no such profile", "tiny"]),
        (["--frobnicate"], ["--frobnicate", "--resume RUN_FOLDER"]),
        (["extra"], ["extra", "--profile NAME"]),
        (["--blocks", "0"], ["'0' is not a whole number from 1"]),
        (["--blocks", "many"], ["'many' is not a whole number"]),
        (["--seed", "-1"], ["--seed"]),
        (["--only", "("], ["not a regular expression"]),
        (["--profile", "tiny", "--only", "zmq"], ["matches none", "--list"]),
        (["--resume", "nowhere"], ["nowhere", "plan.json"]),
        (["--resume", "x", "--blocks", "3"], ["--blocks with --resume"]),
        (["--profile", "tiny", "--out", "/proc/nowhere"], ["/proc/nowhere", "cannot be written"]),
        (["--prof", "tiny"], ["--prof"]),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_valid(
    tmp_path, tiny_profiles, cpython_program, capsys, monkeypatch, arguments, complaints
):
    monkeypatch.chdir(tmp_path)
    if "--out" not in arguments and "--resume" not in arguments:
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    assert run.main(arguments, [cpython_program], tiny_profiles) == 2
    said = capsys.readouterr().err
    assert all(complaint in said for complaint in complaints), said


def test_a_disk_that_is_too_full_is_said_before_measuring(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    tiny_profiles.write_text(
        tiny_profiles.read_text().replace("disk_mib = 1", f"disk_mib = {2**40}")
    )
    out = tmp_path / "out"
    code = run.main(["--profile", "tiny", "--out", str(out)], [cpython_program], tiny_profiles)
    assert code == 2 and "MiB are free" in capsys.readouterr().err
    assert not list(out.iterdir())


def test_list_prints_the_series_of_the_profile(tiny_profiles, cpython_program, capsys):
    assert run.main(["--list", "--profile", "tiny"], [cpython_program], tiny_profiles) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run.main(["--list", "--only", "^queue"], [cpython_program], tiny_profiles) == 0
    assert all(line.startswith("queue_") for line in capsys.readouterr().out.splitlines())


def shell(*arguments, **options):
    return subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=600, **options)


def test_help_and_wrong_options_need_nothing_installed(tmp_path):
    helped = shell("--help", cwd=tmp_path, env={"PATH": "/usr/bin:/bin"})
    assert helped.returncode == 0 and "--profile NAME" in helped.stdout
    for wrong in (["--frobnicate"], ["extra"], ["--blocks"]):
        refused = shell(*wrong, cwd=tmp_path)
        assert refused.returncode == 2 and wrong[0] in refused.stderr


def test_help_names_every_profile():
    named = re.findall(r"^ {26}([a-z]+) ", shell("--help").stdout, re.MULTILINE)
    assert sorted(named) == sorted(load_profiles())


def test_help_says_how_long_a_profile_takes_as_the_profile_does():
    told = dict(
        re.findall(r"^ {26}([a-z]+) .* (\d+ (?:s|minutes))\b", shell("--help").stdout, re.M)
    )
    for name, profile in load_profiles().items():
        *_, takes = re.findall(r"(?:under|about) (\d+ (?:s|minutes))\b", profile.summary)
        assert told[name] == takes, name


def test_the_shell_part_and_the_python_part_know_the_same_options():
    options = set(re.findall(r"^  (--[a-z-]+)", shell("--help").stdout, re.MULTILINE))
    refused = shell("--blocks", "0")
    assert refused.returncode == 2
    assert options == set(re.findall(r"--[a-z-]+", refused.stderr.split("valid options:")[1]))

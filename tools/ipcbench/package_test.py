# SPDX-License-Identifier: MIT
"""Another project can use what `cmake --install` has installed."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/debug"


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_another_project_finds_the_package_and_every_backend(tmp_path):
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "installed", cwd=tmp_path)
    source = ROOT / "impl/examples/another_project"
    run(
        "cmake",
        "-S",
        source,
        "-B",
        "build",
        f"-DCMAKE_PREFIX_PATH={tmp_path}/installed",
        "-GNinja",
        cwd=tmp_path,
    )
    run("cmake", "--build", "build", cwd=tmp_path)
    hello, backends = run(tmp_path / "build/hello", cwd="/").splitlines()
    assert hello == "hello"
    listed = json.loads(run(BUILD / "bench_pipe", "--list", cwd="/"))
    assert backends.split() == sorted(backend["name"] for backend in listed["backends"])
    headers = {path.name for path in (tmp_path / "installed/include").rglob("*.h")}
    assert "queue.h" in headers and not any(name.endswith("_test.h") for name in headers)

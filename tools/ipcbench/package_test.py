# SPDX-License-Identifier: MIT
"""Another project can use what `cmake --install` has installed, and what README.md shows of the API does what it says."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/debug"
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(snippets LANGUAGES CXX)
find_package(ipcbench REQUIRED)
foreach(name {names})
  add_executable(${{name}} ${{name}}.cc)
  target_link_libraries(${{name}} PRIVATE ipcbench::ipcbench)
endforeach()
"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("package") / "installed"
    run("cmake", "--install", BUILD, "--prefix", prefix, cwd=prefix.parent)
    return prefix


def build(source, folder, installed):
    """The folder of the programs of that project."""
    run("cmake", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={installed}", "-GNinja", cwd="/")
    run("cmake", "--build", folder, cwd="/")
    return folder


def test_another_project_finds_the_package_and_every_backend(installed, tmp_path):
    programs = build(ROOT / "impl/examples/another_project", tmp_path / "build", installed)
    hello, *backends = run(programs / "hello", cwd="/").splitlines()
    assert hello == "hello"
    families = ("pipe", "queue", "memory", "lock", "manager")
    for family, names in zip(families, backends, strict=True):
        program = "shared" if family in ("memory", "lock") else family
        listed = json.loads(run(BUILD / f"bench_{program}", "--list", cwd="/"))["backends"]
        assert names.split() == sorted(b["name"] for b in listed if b["family"] == family)
    headers = {path.name for path in (installed / "include").rglob("*.h")}
    assert "queue.h" in headers and not any(name.endswith("_test.h") for name in headers)


def test_the_programs_of_the_readme_are_programs_and_print_what_it_says(installed, tmp_path):
    snippets = re.findall(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names = [f"snippet_{number}" for number in range(len(snippets))]
    for name, snippet in zip(names, snippets):
        (tmp_path / f"{name}.cc").write_text(snippet)
    (tmp_path / "CMakeLists.txt").write_text(PROJECT.format(names=" ".join(names)))
    programs = build(tmp_path, tmp_path / "build", installed)
    messages, values, pool, shared = (run(programs / name, cwd="/").splitlines() for name in names)
    assert messages == ["[42, None, 'hello']", "amy"]
    assert values == []  # its exit status says whether the values are right
    assert shared == ["{3: 9}", "9"]
    assert pool[0] == "49" and sorted(pool[1:]) == ["1", "4", "9"]


def test_what_stands_beside_the_python_does_the_same(installed, tmp_path):
    """impl/examples/README.md: its C++ as bodies of main, with the functions of one line in front."""
    text = (ROOT / "impl/examples/README.md").read_text()
    names = []
    for snippet in re.findall(r"```cpp\n(.*?)```", text, re.DOTALL):
        functions = "".join(re.findall(r"^int \w+\(.*\}\n", snippet, re.MULTILINE))
        names.append(f"beside_{len(names)}")
        (tmp_path / f"{names[-1]}.cc").write_text(
            '#include <iostream>\n#include "impl/pipe/pipe.h"\n#include "impl/process/pool.h"\n'
            '#include "impl/process/process.h"\n#include "impl/queue/queue.h"\n'
            f"{functions}int main() {{\n{snippet.replace(functions, '')}}}\n"
        )
    (tmp_path / "CMakeLists.txt").write_text(PROJECT.format(names=" ".join(names)))
    programs = build(tmp_path, tmp_path / "build", installed)
    printed = [run(programs / name, cwd="/").splitlines() for name in names]
    assert printed == [["amy"] * 6, ["the last word"], ["49"]]

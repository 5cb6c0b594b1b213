# SPDX-License-Identifier: MIT
"""Set-up: what is needed, said before it is installed, and where nothing can be installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent
GROUPS = {"run", "test", "sanitize", "check", "quality"}
SHELL_TOOLS = ("bash", "sh", "cat", "sed", "grep", "cut", "id", "dirname", "readlink", "env")


def packages():
    """(groups, name, reason) of each line of packages.txt that is no comment."""
    lines = (TOOLS / "packages.txt").read_text().splitlines()
    return [line.split(None, 2) for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture
def bare(tmp_path):
    """A folder for PATH with hardly more than a shell: no dpkg, no apt-get, no sudo."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SHELL_TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def set_up(*groups, tools=TOOLS, **options):
    command = [
        "/bin/bash",
        "-euo",
        "pipefail",
        "-c",
        f'source "{tools}/setup.sh"; setup "$@"',
        "x",
        *groups,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def test_every_package_has_a_known_group_a_name_and_a_reason():
    lines = packages()
    assert all(len(line) == 3 for line in lines)
    assert all(set(groups.split(",")) <= GROUPS for groups, _, _ in lines)
    names = [name for _, name, _ in lines]
    assert len(names) == len(set(names))


def test_nothing_missing_says_nothing():
    names = [name for groups, name, _ in packages() if {"run", "test"} & set(groups.split(","))]
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}\n", *names]
    known = subprocess.run(query, capture_output=True, text=True, check=False)
    if known.returncode != 0 or set(known.stdout.split()) != {"installed"}:
        pytest.skip("not all packages are installed here")
    for _ in range(2):
        done = set_up("run", "test", cwd="/")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_package_of_the_two_commands_brings_a_service():
    listing = shutil.which("dpkg-query")
    if not listing:
        pytest.skip("this system has no dpkg")
    for groups, name, _ in packages():
        if not {"run", "test"} & set(groups.split(",")):
            continue
        done = subprocess.run([listing, "-L", name], capture_output=True, text=True, check=False)
        files = done.stdout.splitlines()
        services = [
            file
            for file in files
            if file.startswith("/etc/init.d/")
            or ("/systemd/system/" in file and file.endswith((".service", ".socket", ".timer")))
        ]
        assert services == [], f"{name} would leave something running"


def test_without_apt_get_it_lists_what_is_needed_and_exits_2(bare):
    done = set_up("run", env={"PATH": str(bare)})
    assert done.returncode == 2
    for groups, name, reason in packages():
        assert (f"{name} " in done.stderr) == ("run" in groups.split(","))
        assert (reason in done.stderr) == ("run" in groups.split(","))


def test_a_line_may_name_several_groups(tmp_path, bare):
    shutil.copy(TOOLS / "setup.sh", tmp_path)
    (tmp_path / "packages.txt").write_text(
        "# comment\n\nrun,test  alpha  for both\ncheck  beta  for one\n"
    )
    for group, expected in (("run", "alpha"), ("test", "alpha"), ("check", "beta")):
        said = set_up(group, tools=tmp_path, env={"PATH": str(bare)}).stderr
        assert [name for name in ("alpha", "beta") if name in said] == [expected]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv"
)
def test_an_ordinary_user_without_sudo_is_told_what_to_type(tmp_path, bare):
    (bare / "apt-get").symlink_to("/bin/false")
    shutil.copy(TOOLS / "setup.sh", bare)
    (bare / "packages.txt").write_text("run  no-such-package  a reason\n")
    with tempfile.TemporaryDirectory() as readable:  # for that user as well
        Path(readable).chmod(0o755)
        there = shutil.copytree(bare, Path(readable) / "bin", symlinks=True)
        there.chmod(0o755)
        source = f'source "{there}/setup.sh"; setup run'
        done = subprocess.run(
            [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"]
            + ["/bin/bash", "-euo", "pipefail", "-c", source],
            env={"PATH": str(there)},
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 2
    assert "no sudo" in done.stderr and "apt-get install" in done.stderr

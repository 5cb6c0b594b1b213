# SPDX-License-Identifier: MIT
"""The facts of tools/claims.toml: well formed, and each is shown by tests that there are."""

import re
import subprocess

import pytest

from ipcbench.claim_data import ClaimError, load_facts
from ipcbench.programs import ROOT

FACT = """
confidence = 0.95
[[fact]]
id = "C00"
sentence = "It works"
source = "somebody"
[[fact.verdict]]
language = "C++"
is = "true"
tests = {tests}
"""


def cpp_tests():
    """Suite.Case of every C++ test, without parameters."""
    program = ROOT / "build" / "debug" / "impl" / "impl_test"
    if not program.exists():
        pytest.skip("the C++ tests are not built")
    listed = subprocess.run(
        [program, "--gtest_list_tests"], capture_output=True, text=True, check=True
    )
    suite, names = "", set()
    for line in listed.stdout.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name
        else:
            names.add(suite + name.partition("/")[0])
    return names


def test_every_fact_is_shown_by_tests_that_there_are():
    python = {
        name
        for path in (ROOT / "bench" / "cpython").glob("*_test.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    known = {"CPython": python, "C++": cpp_tests()}
    for fact in load_facts():
        for verdict in fact.verdicts:
            assert set(verdict.tests) <= known[verdict.language], fact.id
        assert {verdict.language for verdict in fact.verdicts} == {"CPython", "C++"}, fact.id


def test_a_fact_without_tests_is_refused(tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text(FACT.format(tests='["a"]'))
    assert load_facts(path)[0].verdicts[0].said == "true"
    path.write_text(FACT.format(tests="[]"))
    with pytest.raises(ClaimError, match="the tests that show it"):
        load_facts(path)

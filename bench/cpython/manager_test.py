# SPDX-License-Identifier: MIT
"""Calls of CPython's manager: each operation is asked, and one that gives something else is found out."""

import pytest

import manager
from measure import measure
from peers import SeriesFailed
from questions import CALLS, Series


def run(op, size=0, clients=1, messages=30, question="manager_call"):
    series = Series(question, "cpython_manager", size, "", "free", processes=clients, op=op)
    return measure(series, messages, 2, 65536, 60.0)


@pytest.mark.parametrize("op", CALLS)
def test_every_operation_is_asked_by_one_client_and_by_several(op):
    assert [*CALLS, ""] == list(manager.OPERATIONS)
    for clients in (1, 2):
        assert run(op, clients=clients).messages == 30
    if CALLS[op]:
        run(op, size=4096)


def test_connections_come_and_go():
    assert run("", question="manager_connect").messages == 30


def test_the_server_is_billed():
    done = run("list_index", messages=300)
    assert done.cpu_ns / done.messages > 10_000  # it takes that long on any machine


@pytest.mark.parametrize("op", CALLS)
def test_a_call_with_another_result_is_found(monkeypatch, op):
    """The clients are forked from here, so what their proxies give is not what the server does."""
    from multiprocessing.managers import BaseProxy

    honest = BaseProxy._callmethod
    lies = {"acquire": False, "wait": False, "get": "a lie"}
    lies |= {"__getitem__": "a lie", "__getattribute__": "a lie"}

    def lying(proxy, name, *arguments, **keywords):
        return lies.get(name, honest(proxy, name, *arguments, **keywords))

    monkeypatch.setattr(BaseProxy, "_callmethod", lying)
    with pytest.raises(SeriesFailed, match="another result"):
        run(op)

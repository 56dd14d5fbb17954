"""Which signal stops a job, whoever sends it, and what becomes of its handlers."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from research.jobs import signals
from research.jobs.signals import STOP, Terminated, caught_signals

OTHERS = [number for number in STOP if number != signal.SIGINT]


@pytest.fixture(autouse=True)
def own_handlers():
    """Leaves the handlers of this process as they were."""
    before = {number: signal.getsignal(number) for number in STOP}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOP)
def test_a_signal_waits_until_it_is_asked_for(number):
    before = signal.getsignal(number)
    with caught_signals() as caught:
        assert caught() is None
        send(number)
        assert caught() == number
    assert signal.getsignal(number) == before


def test_of_several_the_first_counts_and_sigcont_is_none():
    with caught_signals() as caught:
        send(signal.SIGCONT)
        assert caught() is None
        send(signal.SIGTERM, signal.SIGUSR1)
        assert caught() == signal.SIGTERM


@pytest.mark.parametrize("orders", [1, -1])
@pytest.mark.parametrize("handled", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
def test_the_signal_that_a_scheduler_handles_comes_first_and_is_passed_on(
    handled, orders
):
    heard = []
    signals.terminate_on_signals()
    signal.signal(handled, lambda number, frame: heard.append(number))
    with caught_signals() as caught:
        send(*[signal.SIGTERM, signal.SIGCONT, handled][::orders])
        chosen = caught()
    assert chosen == handled and not heard
    signals.pass_on(chosen)
    assert heard == [handled]


@pytest.mark.parametrize("number", OTHERS)
def test_outside_training_a_signal_ends_the_process_with_its_status(number):
    signals.terminate_on_signals()
    with pytest.raises(Terminated, match=number.name) as stopped:
        send(number)
    assert stopped.value.code == 128 + number
    signals.pass_on(number)  # ours is no scheduler's handler: nothing happens


def test_what_is_ignored_stays_ignored():
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.terminate_on_signals()
    with caught_signals() as caught:
        send(signal.SIGHUP)
        assert caught() is None
    send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_other_threads_get_no_signals():
    found = []

    def ask():
        with caught_signals() as caught:
            found.append(caught())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [None]


@pytest.mark.parametrize("number", OTHERS)
def test_the_list_is_of_signals_that_would_kill(number):
    code = f"import os; os.kill(os.getpid(), {int(number)}); print('lives')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False
    )
    assert done.returncode == -number and not done.stdout


UNHEARD = """
import gc, os, signal, sys, time
from research.jobs.signals import terminate_on_signals

class Dying:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        [None for _ in range(1000)]

terminate_on_signals()
Dying()
time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_python_ignores_the_end_of_is_sent_again(number):
    """What a handler raises in `__del__`, or a callback of the collector, is lost."""
    line = [sys.executable, "-c", UNHEARD, str(int(number))]
    done = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    interrupted = number == signal.SIGINT and "KeyboardInterrupt" in done.stderr
    assert interrupted or (done.returncode, done.stderr) == (128 + number, "")
    assert "ignored" not in done.stderr

"""What every script shares: from the config, through the call, to the exit status.

0: done. 2: a mistake that one line on stderr explains; in a multirun the other jobs
still run. 128 + n: stopped by signal n, the run saved. A traceback is a bug of ours.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import hydra
from command_line import HELP, list_folders, prepare_words
from help import show_help
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from research.config import CONF, explain_errors
from research.config.checking import Refused
from research.errors import Interrupted, UserError
from research.jobs.job import stop_with_launcher
from research.jobs.lock import Held
from research.jobs.signals import Terminated, pass_on, terminate_on_signals
from research.progress import print_any_letter

MISTAKE = 2  # exit status
UNWRITABLE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
}


def command(
    config: str,
) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorates `task(cfg)` as the entry point of a script.

    Args:
      config: name of the primary config in `conf/`.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        def main() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, rather than print and exit
            print_any_letter()
            mistakes: list[str] = []
            terminate_on_signals()
            stop_with_launcher()

            def job(cfg: DictConfig) -> Any:
                # Each job by itself: the others still run.
                with note_mistakes(mistakes), explain_errors(config):
                    try:
                        return task(cfg)
                    except Held:
                        if HydraConfig.get().mode != RunMode.MULTIRUN:
                            raise
                    finally:
                        remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
                    return None  # the launcher waits for whoever runs it

            wrap = hydra.main(
                version_base="1.3", config_path=str(CONF), config_name=config
            )
            try:
                if any(word in HELP for word in sys.argv[1:]):
                    print(show_help(config, list_folders(sys.argv[1:])))
                    return
                with note_mistakes(mistakes), explain_errors(config):
                    sys.argv[1:] = prepare_words(sys.argv[1:], config)
                    with plain_arguments():
                        wrap(job)()
            except Interrupted as stop:
                print(stop.message, file=sys.stderr)
                pass_on(stop.number)
                raise
            except (KeyboardInterrupt, Terminated) as stop:
                # Outside training: files are whole or absent.
                print("stopped: the same command goes on from there", file=sys.stderr)
                sys.exit(128 + getattr(stop, "number", signal.SIGINT))
            if mistakes:
                sys.exit(MISTAKE)

        return main

    return decorate


def remove_if_empty(folder: Path) -> None:
    """Removes a run folder that Hydra made and nothing was written to."""
    if folder.absolute() != Path.cwd():
        with suppress(OSError):  # it is not empty, or not there
            folder.rmdir()


@contextmanager
def plain_arguments() -> Iterator[None]:
    """Makes a mistake in the options one line, and text of each option's help.

    argparse prints its usage. It checks the help from Python 3.14 on, where hydra-core
    1.3 gives an object that becomes text when it is printed (hydra#3121).
    """
    add = argparse.ArgumentParser.add_argument

    def add_argument(*given: Any, **options: Any) -> argparse.Action:
        if options.get("help") is not None:
            options["help"] = str(options["help"])
        return add(*given, **options)

    old = sys.version_info < (3, 14)
    parser = patch.object(argparse.ArgumentParser, "error", refuse_options)
    texts = patch.object(argparse.ArgumentParser, "add_argument", add_argument)
    with parser, nullcontext() if old else texts:
        yield


def refuse_options(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    """Raises a UserError of what argparse says."""
    raise UserError(f"{message}; --help shows the keys, --hydra-help the options")


@contextmanager
def note_mistakes(mistakes: list[str]) -> Iterator[None]:
    """Prints a mistake as one line and remembers it for the exit status."""
    try:
        yield
    except Refused as refused:
        note(refused.mistake, mistakes)
    except (UserError, OSError, OmegaConfBaseException) as error:
        if isinstance(error, OSError) and error.errno not in UNWRITABLE:
            raise
        if isinstance(error, OSError) and error.filename is not None:
            error = UserError(
                f"{error.filename}: {error.strerror}; make room or give permission "
                "there, or choose another folder"
            )
        note(error, mistakes)


def note(error: Exception, mistakes: list[str]) -> None:
    """Prints a mistake and adds it to others."""
    mistakes.append(" ".join(str(error).split()))
    print(f"error: {mistakes[-1]}", file=sys.stderr)

"""The process behind the command: Ctrl-C before there is anything to interrupt, and after it."""

import signal
import subprocess
import sys

import pytest

CTRL_C = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


def run(when_loaded: str, when_done: str = "") -> subprocess.CompletedProcess[str]:
    """The process, in which the command's module and what it does are these lines."""
    program = f"""
import atexit, sys, types
class Loader:
    def find_spec(self, name, path=None, target=None):
        if name == "pycluster.tools.command":
            {when_loaded}
            module = sys.modules[name] = types.ModuleType(name)
            module.main = lambda: 4
            from importlib.machinery import ModuleSpec
            return ModuleSpec(name, self)
    def create_module(self, spec): return sys.modules[spec.name]
    def exec_module(self, module): pass
sys.meta_path.insert(0, Loader())
def leave():
    {when_done or "pass"}
atexit.register(leave)
from pycluster.tools.__main__ import main
main()
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("when_loaded", "when_done", "status"),
    [("pass", "", 4), (CTRL_C, "", -signal.SIGINT), ("pass", CTRL_C, 4)],
    ids=["undisturbed", "while it is loaded", "when it is done"],
)
def test_ctrl_c_leaves_no_traceback(when_loaded: str, when_done: str, status: int) -> None:
    done = run(when_loaded, when_done)
    assert (done.returncode, done.stderr) == (status, "")

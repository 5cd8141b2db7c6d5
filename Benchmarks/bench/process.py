"""Commands, processors and paths."""
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
LAUNCH = HERE / ".build/floor/launch"
PYTHON = HERE / ".venv/bin/python"
CC = shlex.split(os.environ.get("CC", "cc"))


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(command, cores=None, launch=None):
    """Standard output of a command on some cores; with `launch`, what the launcher reports."""
    command = [str(word) for word in command]
    prefix = []
    if cores and shutil.which("taskset"):
        prefix = ["taskset", "-c", ",".join(map(str, cores))]
    if launch:
        prefix += [str(LAUNCH), launch]
    done = subprocess.run(prefix + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stderr.strip()}\nbench: exit status {done.returncode}")
    return pairs(pathlib.Path(launch).read_text()) if launch else done.stdout


def pairs(text):
    """`name value` lines."""
    return {name: float(value) for name, value in (line.split() for line in text.splitlines())}


def tried(command):
    """First line that a command prints, or nothing."""
    try:
        done = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        return done.stdout.strip().splitlines()[0] if done.returncode == 0 else ""
    except (OSError, IndexError):
        return ""


def physical_cores(count):
    """Processors that this process may use, no two of them on one core if there are enough."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed, seen, chosen = sorted(os.sched_getaffinity(0)), set(), []
    for cpu in allowed:
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text() if siblings.exists() else str(cpu)
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    return (chosen + [cpu for cpu in allowed if cpu not in chosen])[:count]

"""Starts components as soon as what they need is ready. Only the probes run in threads."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from rxproject.local.stack.components import Component
from rxproject.local.stack.errors import StackError
from rxproject.local.stack.processes.process import Child, Command, stop_all
from rxproject.local.stack.processes.supervisor import Supervisor, tail

START_SECONDS = 120.0  # without anything new that is ready; a busy machine takes its time
_TICK = 0.02
_PROBE_PAUSE = 0.05


def launch(
    wanted: Sequence[Component],
    supervisor: Supervisor,
    *,
    tick: Callable[[], None],
    say: Callable[[str], None] = lambda _line: None,
    say_every: float = 2.0,
) -> None:
    """Return once all are ready. `tick` is called in every round, and may raise to give up; `say` hears what is waited
    for.
    """
    names = {component.name for component in wanted}
    waiting, ready = list(wanted), set[str]()
    tasks: dict[str, Child] = {}
    probes: dict[str, Future[None]] = {}
    give_up = threading.Event()
    began = told = progress = time.monotonic()
    with ThreadPoolExecutor(max_workers=max(1, len(wanted)), thread_name_prefix="runstack-probe") as pool:
        try:
            while ready < names:
                before = len(ready)
                for component in [one for one in waiting if names.intersection(one.after) <= ready]:
                    waiting.remove(component)
                    if component.task and component.is_done():
                        ready.add(component.name)
                    elif component.task:
                        tasks[component.name] = Child(component.command())
                    else:
                        supervisor.start(component.command())
                        probes[component.name] = pool.submit(_await_ready, component, give_up)
                tick()
                supervisor.check()
                for name in [name for name, probe in probes.items() if probe.done()]:
                    probes.pop(name).result()
                    ready.add(name)
                for name in [name for name, task in tasks.items() if not task.is_running()]:
                    _require_success(tasks.pop(name))
                    ready.add(name)
                if time.monotonic() > told + say_every:
                    told = time.monotonic()
                    late = ", ".join(one.name for one in wanted if one.name not in ready)
                    say(f"  waiting for {late}: {told - began:.0f} s")
                if len(ready) > before:
                    progress = time.monotonic()
                if time.monotonic() > progress + START_SECONDS:
                    raise _too_slow([one for one in wanted if one.name not in ready], supervisor, tasks)
                time.sleep(_TICK)
        finally:
            give_up.set()  # or leaving the pool would wait for the probes
            stop_all(list(tasks.values()), grace=0.0)


def _await_ready(component: Component, give_up: threading.Event) -> None:
    while not give_up.is_set() and not component.ready():
        give_up.wait(_PROBE_PAUSE)


def _require_success(task: Child) -> None:
    if status := task.reap():
        raise _failed(task.command, status)


def _failed(command: Command, status: int) -> StackError:
    return StackError(f"{command.name} failed (exit {status}). The end of {command.log}:\n{tail(command.log)}")


def _too_slow(late: Collection[Component], supervisor: Supervisor, tasks: dict[str, Child]) -> StackError:
    running = [one.name for one in late if one.name in tasks or supervisor.child(one.name)]
    child = tasks.get(running[0]) or supervisor.child(running[0]) if running else None
    ending = f" The end of {child.command.log}:\n{tail(child.command.log)}" if child else ""
    return StackError(f"Not ready within {START_SECONDS:g} s: {', '.join(one.name for one in late)}.{ending}")

"""Who descends from a process, by /proc."""

from pathlib import Path


def family(ancestor: int) -> dict[int, str]:
    """Process ids of all descendants, with what they are called."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            status = (entry / "stat").read_text()
            names[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = {}
    for number in parents:
        at = number
        while at in parents and at != ancestor:
            at = parents[at]
        if at == ancestor and number != ancestor:
            found[number] = names[number]
    return found

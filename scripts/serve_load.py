"""Many clients at once against `megactor serve`: does a job get lost, does memory grow?

    python scripts/serve_load.py URL TOKEN PORTRAIT DRIVING --clients 50 --seconds 600

Each client asks for an animation, follows it, fetches and deletes it, and begins anew until the time is over.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

MEMORY = ("process_resident_memory_bytes", "megactor_worker_resident_memory_bytes")


async def client(server: httpx.AsyncClient, files: dict, number: int, end: float, seen: Counter, times: list) -> None:
    """One client: whatever is not as it must be is counted under its name."""
    turn = 0
    while time.monotonic() < end:
        began, turn = time.monotonic(), turn + 1
        key = f"load-{number}-{turn}-{began}"
        asked = {"files": files, "data": {"seed": str(turn)}, "headers": {"Idempotency-Key": key}}
        answer = await again(seen, server.post, "/v1/animations", **asked)
        if answer is None or answer.status_code != 202:
            seen["not accepted" if answer is None else f"refused with {answer.status_code}"] += 1
            await asyncio.sleep(1)
            continue
        seen["accepted"] += 1
        place, state = answer.headers["location"], ""
        while state not in ("done", "failed", "canceled"):
            try:
                async with server.stream("GET", f"{place}/events") as events:
                    async for line in events.aiter_lines():
                        if line.startswith("data: "):
                            state = json.loads(line[6:])["state"]
            except httpx.HTTPError as error:
                seen[f"events began anew: {type(error).__name__}"] += 1
        result = await again(seen, server.get, f"{place}/result")
        there = result is not None and result.status_code == 200 and len(result.content) > 100
        seen[state if there else f"{state}, no result"] += 1
        deleted = await again(seen, server.delete, place)
        seen["deleted"] += deleted is not None and deleted.status_code in (204, 404)
        times.append(time.monotonic() - began)


async def again(
    seen: Counter, request: Callable[..., Awaitable], *what: object, **more: object
) -> httpx.Response | None:
    """An answer; a request is sent up to three times where its connection breaks."""
    for _ in range(3):
        try:
            return await request(*what, **more)
        except httpx.HTTPError as error:
            seen[f"sent again: {type(error).__name__}"] += 1
    return None


async def memory(server: httpx.AsyncClient, told: list) -> None:
    """Megabytes of the server and of its workers, now and every ten seconds."""
    while True:
        text = (await server.get("/metrics")).text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(MEMORY)]
        told.append([round(float(value) / 1e6) for _, value in sorted(lines, reverse=True)])
        await asyncio.sleep(10)


async def run() -> None:
    """Prints what happened."""
    parser = argparse.ArgumentParser()
    for name in ("url", "token", "portrait", "driving"):
        parser.add_argument(name)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600)
    asked = parser.parse_args()
    files = {role: Path(getattr(asked, role)).read_bytes() for role in ("portrait", "driving")}
    sent = {role: (Path(getattr(asked, role)).name, content) for role, content in files.items()}
    seen, times, told = Counter(), [], []
    headers, limits = {"Authorization": f"Bearer {asked.token}"}, httpx.Limits(max_connections=asked.clients + 5)
    async with httpx.AsyncClient(base_url=asked.url, headers=headers, timeout=600, limits=limits) as server:
        watch = asyncio.create_task(memory(server, told))
        end = time.monotonic() + asked.seconds
        await asyncio.gather(*(client(server, sent, number, end, seen, times) for number in range(asked.clients)))
        watch.cancel()
    print(dict(seen))
    times.sort()
    if times:
        print(f"seconds a job: median {times[len(times) // 2]:.1f}, longest {times[-1]:.1f}")
    print("MB of the server and its workers, every ten seconds:", told)


if __name__ == "__main__":
    asyncio.run(run())

"""A Hugging Face hub of our own on this machine: repositories to fetch from and to push to."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

LARGE = (".ckpt", ".bin", ".safetensors")
NAME = r"[\w.-]+/[\w.-]+"


class FakeHub(ThreadingHTTPServer):
    """Answers as the Hugging Face hub does; the main branch is all it has.

    repositories: name -> path -> content.
    files: those of the repository that a test is about.
    sent: what was asked for, as (path, first byte).
    breaks_at: path -> number of bytes after which the connection ends, once.
    lies: paths whose content is not what the listed checksum says.
    token: what pushing needs.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.files: dict[str, bytes] = {}
        self.sent: list[tuple[str, int]] = []
        self.breaks_at: dict[str, int] = {}
        self.lies: set[str] = set()
        self.token = "hf_ours"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def checksum(self, path: str, content: bytes) -> str:
        if path.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()

    def commit(self, repository: str) -> str:
        """Of what the repository holds; the same for as long as nothing is added or taken."""
        return hashlib.sha1("\0".join([repository, *sorted(self.repositories[repository])]).encode()).hexdigest()

    def listing(self, repository: str) -> dict:
        siblings = []
        for path, content in self.repositories[repository].items():
            entry: dict = {"rfilename": path, "size": len(content), "blobId": self.checksum(path, content)}
            if path.endswith(LARGE):
                entry["lfs"] = {"sha256": self.checksum(path, content), "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        name = {"id": repository, "modelId": repository}
        return {**name, "sha": self.commit(repository), "siblings": siblings, "tags": []}

    def tree(self, repository: str) -> list[dict]:
        files = []
        for entry in self.listing(repository)["siblings"]:
            file = {"type": "file", "path": entry["rfilename"], "size": entry["size"], "oid": entry["blobId"]}
            if "lfs" in entry:
                file["lfs"] = {"oid": entry["lfs"]["sha256"], "size": entry["size"], "pointerSize": 130}
            files.append(file)
        return files


class HubRequest(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self.body()
        if path == "/api/validate-yaml":
            self.reply_json({"errors": [], "warnings": []})
        elif self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.reply(401, b"{}", {}, True)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.repositories.setdefault(name, {})
            self.reply_json({"url": f"{self.server.endpoint}/{name}", "name": name, "id": name})
        elif match := re.fullmatch(rf"/api/models/{NAME}/preupload/main", path):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.reply_json({"files": files})
        elif match := re.fullmatch(rf"/api/models/({NAME})/commit/main", path):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.repositories[match[1]][line["value"]["path"]] = content
            commit = self.server.commit(match[1])
            url = f"{self.server.endpoint}/{match[1]}/commit/{commit}"
            self.reply_json({"success": True, "commitOid": commit, "commitUrl": url})
        else:
            self.reply(404, b"{}", {}, True)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(rf"/api/models/({NAME})(?:/revision/(.+))?", path):
            if match[1] not in self.server.repositories:
                self.reply(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
            elif match[2] in (None, "main", self.server.commit(match[1])):
                self.reply_json(self.server.listing(match[1]))
            else:
                self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"}, with_body)
            return
        if match := re.fullmatch(rf"/api/models/({NAME})/tree/.+", path):
            self.reply_json(self.server.tree(match[1]))
            return
        match = re.fullmatch(rf"/({NAME})/resolve/[^/]+/(.*)", path)
        if match is None or match[1] not in self.server.repositories:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
        elif match[2] not in self.server.repositories[match[1]]:
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
        else:
            self.send_file(match[1], match[2], with_body)

    def send_file(self, repository: str, path: str, with_body: bool) -> None:
        content = self.server.repositories[repository][path]
        headers = {
            "ETag": f'"{self.server.checksum(path, content)}"',
            "X-Repo-Commit": self.server.commit(repository),
            "Accept-Ranges": "bytes",
        }
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if with_body:
            self.server.sent.append((path, first))
        if path in self.server.lies:
            content = bytes(len(content))
        self.reply(
            206 if asked else 200,
            content[first:],
            headers,
            with_body,
            self.server.breaks_at.pop(path, None) if with_body else None,
        )

    def reply_json(self, answer: dict | list) -> None:
        self.reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"}, True)

    def reply(
        self, status: int, body: bytes, headers: dict[str, str], with_body: bool, breaks_at: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:breaks_at])
            if breaks_at is not None:
                self.wfile.flush()
                self.close_connection = True


@contextlib.contextmanager
def fake_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that the client takes for the real one, with an empty cache folder."""
    server = FakeHub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

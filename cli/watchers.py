"""Streams of samples from brokers' hosts, one thread each; a connection that is lost is opened again."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from cli.cluster import Cluster
from cluster.live import NOW, QUORUM
from provisioner.connect.feed import Feed
from provisioner.errors import ProvisionerError
from provisioner.inventory.model import Host
from provisioner.run.target import Target

AGAIN = (5.0, 10.0, 20.0, 30.0)  # seconds from a lost connection to the next try, and so on

News = Mapping[str, Any] | ProvisionerError | None  # a sample, why the host is lost, or None: its stream begins


class Watchers:
    """A context manager. wake: a file descriptor that is readable while `news` may have something."""

    def __init__(self, cluster: Cluster, hosts: Mapping[str, Host], targets: Mapping[str, Target]) -> None:
        """hosts: of the brokers, by name; targets: of those that are connected to."""
        self._cluster, self._hosts, self._targets = cluster, hosts, targets
        self._news: queue.SimpleQueue[tuple[str, News]] = queue.SimpleQueue()
        self._feeds: dict[str, Feed] = {}
        self._ended = threading.Event()
        self.wake, self._ring = os.pipe()
        for end in (self.wake, self._ring):
            os.set_blocking(end, False)

    def __enter__(self) -> Watchers:
        for name in self._hosts:
            if name in self._targets:
                self._tell(name, None)
            threading.Thread(target=self._keep, args=(name,), name=f"watch {name}", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        # Sessions are closed by the fleet, and with them the streams end. The pipe is left to the end of the process: a
        # thread may be about to write to it.
        self._ended.set()

    def ask(self, host: str, quorum: bool) -> bool:
        """Ask a host that owes none for a sample; False when there is no stream of it."""
        feed = self._feeds.get(host)
        return feed is not None and feed.send(QUORUM if quorum else NOW)

    def news(self) -> Iterator[tuple[str, News]]:
        """What has come since the last time, by host."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 1 << 16)
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def _tell(self, host: str, news: News) -> None:
        self._news.put((host, news))
        with contextlib.suppress(BlockingIOError):
            os.write(self._ring, b".")

    def _hear(self, host: str, message: Mapping[str, Any], feed: Feed) -> None:
        if "sample" in message:
            self._tell(host, message["sample"])

    def _keep(self, host: str) -> None:
        """The thread of a host."""
        target, failed = self._targets.get(host), 0
        while not self._ended.is_set():
            if target is not None:
                self._tell(host, self._follow(host, target))
                failed = 0
            if self._ended.wait(AGAIN[min(failed, len(AGAIN) - 1)]):
                return
            try:
                target = self._cluster.hosts.open(self._hosts[host])
            except ProvisionerError as error:
                target, failed = None, failed + 1
                self._tell(host, error)
            else:
                self._tell(host, None)

    def _follow(self, host: str, target: Target) -> ProvisionerError:
        """Until the stream ends; why it did. Its session is closed then."""
        stream = self._cluster.watch(target, partial(self._hear, host))
        self._feeds[host] = stream.feed
        try:
            stream.result()
        except ProvisionerError as error:
            return error
        finally:
            self._feeds.pop(host, None)
            self._cluster.fleet.sessions.pop(host).close()
        return ProvisionerError("its agent has ended", host=host)

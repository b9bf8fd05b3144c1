"""A group that reads and commits while a cluster changes: none of its offsets goes back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

PAUSE = 0.2  # seconds, after a failure
PATIENCE = 120.0


@dataclass
class Group:
    """A member of a group that reads a topic and commits, from `with` to its end."""

    bootstrap: Sequence[str]
    topic: str
    name: str
    client: Mapping[str, Any] = field(default_factory=dict)  # how its clients connect
    read: int = 0
    back: list[str] = field(default_factory=list)  # committed offsets that were lower than before
    troubles: Counter[str] = field(default_factory=Counter)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)

    def __enter__(self) -> Group:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join(timeout=PATIENCE)

    def verdict(self) -> None:
        """Assert that no offset went back, and that what is committed now is what was committed last."""
        assert self.read and self.offsets, "the group has read nothing: that proves nothing"
        assert not self.back, f"offsets went back: {self.back[:5]}"
        consumer = KafkaConsumer(
            bootstrap_servers=list(self.bootstrap), group_id=self.name, enable_auto_commit=False, **self.client
        )
        with contextlib.closing(consumer):
            now = {one: consumer.committed(one) for one in self.offsets}
        lost = [f"{one}: {now[one]} after {offset}" for one, offset in self.offsets.items() if (now[one] or 0) < offset]
        assert not lost, f"committed offsets are lost: {lost}"

    def _work(self) -> None:
        while not self._ending.is_set():
            consumer = KafkaConsumer(
                self.topic,
                bootstrap_servers=list(self.bootstrap),
                group_id=self.name,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                **self.client,
            )
            try:
                while not self._ending.is_set():
                    self.read += sum(map(len, consumer.poll(timeout_ms=500).values()))
                    self._commit(consumer)
            except (KafkaError, AssertionError) as error:
                self.troubles[type(error).__name__] += 1
                time.sleep(PAUSE)
            finally:
                with contextlib.suppress(Exception):
                    consumer.close()

    def _commit(self, consumer: KafkaConsumer) -> None:
        consumer.commit()
        for partition in consumer.assignment():
            there = consumer.committed(partition)
            if there is None:
                continue
            if there < self.offsets.get(partition, 0):
                self.back.append(f"{partition}: {there} after {self.offsets[partition]}")
            self.offsets[partition] = there

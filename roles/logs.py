"""Where the services log on their hosts: the files worth reading as one stream. Loud ones (state changes, requests) and
those in another format (garbage collection) are left for who looks for them, in /var/log/SERVICE."""

from __future__ import annotations

LOGS = {
    "zookeeper": ("/var/log/zookeeper/zookeeper.log",),
    "kafka": ("/var/log/kafka/server.log", "/var/log/kafka/controller.log"),
}

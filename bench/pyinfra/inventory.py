"""The hosts, from the inventory that $BENCH_INVENTORY names; $BENCH_LIMIT (a count) takes the first ones only."""

import json
import os
import shlex
from pathlib import Path

_found = json.loads(Path(os.environ["BENCH_INVENTORY"]).read_text())["all"]
_overrides = json.loads(os.environ["BENCH_SET"])


def _connection(data):
    options = dict(word.split("=", 1) for word in shlex.split(data["ansible_ssh_common_args"]) if "=" in word)
    return {
        "ssh_hostname": data["ansible_host"],
        "ssh_port": data["ansible_port"],
        "ssh_user": data["ansible_user"],
        "ssh_key": str(Path(data["ansible_ssh_private_key_file"]).expanduser()),
        "ssh_known_hosts_file": str(Path(options["UserKnownHostsFile"]).expanduser()),
        "ssh_strict_host_key_checking": "yes",
        # A key is given: asking an agent and looking for others would only cost time.
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }


_chosen = list(_found["hosts"])[: int(os.environ["BENCH_LIMIT"]) or None]
everyone = [
    (name, {**_connection(data), **data, **_overrides}) for name, data in _found["hosts"].items() if name in _chosen
]
zookeeper = [name for name in _found["children"].get("zookeeper", {"hosts": ()})["hosts"] if name in _chosen]
kafka = [name for name in _found["children"].get("kafka", {"hosts": ()})["hosts"] if name in _chosen]

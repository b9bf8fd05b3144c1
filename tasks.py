"""The command line: the list of verbs. `invoke` shows them, `invoke help VERB` the flags of one."""

from __future__ import annotations

import sys

from invoke import Collection

from cli import typed
from cli.verbs import (
    acls,
    artifacts,
    broker,
    certs,
    cluster,
    config,
    groups,
    hosts,
    looking,
    quorum,
    records,
    topics,
    upgrade,
    users,
)
from lab.tasks import ns as lab

namespace = Collection(
    hosts.deploy,
    hosts.plan,
    hosts.restart,
    hosts.smoke,
    hosts.uninstall,
    looking.status,
    looking.doctor,
    looking.logs,
    cluster.rebalance,
    records.produce,
    records.consume,
    artifacts.bundle,
)
namespace.add_collection(Collection("broker", broker.config, broker.set, broker.unset))
namespace.add_collection(
    Collection(
        "topics",
        topics.list_,
        topics.describe,
        topics.create,
        topics.alter,
        topics.delete,
        topics.empty,
        topics.export,
        topics.plan,
        topics.apply,
    )
)
namespace.add_collection(Collection("config", config.list_))
namespace.add_collection(Collection("upgrade", upgrade.check))
namespace.add_collection(Collection("artifacts", artifacts.lock, artifacts.fetch))
namespace.add_collection(Collection("groups", groups.listing, groups.describe, groups.reset, groups.delete))
namespace.add_collection(Collection("users", users.list_, users.apply))
namespace.add_collection(Collection("acls", acls.list_, acls.check))
namespace.add_collection(Collection("client", users.config))
namespace.add_collection(
    Collection("certs", certs.list_, certs.issue, certs.renew, certs.rotate_ca, certs.request, certs.import_)
)
namespace.add_collection(Collection("quorum", quorum.remove))
namespace.add_collection(Collection("bench", records.bench_produce, records.bench_consume))
namespace.add_collection(lab, name="lab")
typed.prepare(namespace, sys.argv)

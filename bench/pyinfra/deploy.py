"""The deployment in pyinfra: the same users, directories, archives, files, links and services as our roles make."""

import shlex
from io import StringIO
from pathlib import Path

from jinja2 import FileSystemLoader
from pyinfra import config, host
from pyinfra.api import FactBase
from pyinfra.facts.files import File
from pyinfra.operations import apt, files, server, systemd

config.SUDO = True
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
JINJA = {"loader": FileSystemLoader(TEMPLATES), "trim_blocks": True, "lstrip_blocks": True}


class LinkTargets(FactBase):
    """{path: target} of links: all of them with one command, where files.link would take one command each."""

    def command(self, paths):
        return "for p in " + " ".join(map(shlex.quote, paths)) + '; do printf "%s %s\\n" "$p" "$(readlink "$p")"; done'

    def process(self, output):
        return dict(line.split(" ", 1) for line in output)


def directories(entries):
    for one in entries:
        files.directory(
            name=f"Directory {one['path']}", path=one["path"], user=one["owner"], group=one["group"], mode=one["mode"]
        )


def contents(entries):
    return [
        files.put(
            name=f"File {one['path']}",
            src=StringIO(one["content"]),
            dest=one["path"],
            user=one["owner"],
            group=one["group"],
            mode=one["mode"],
        )
        for one in entries
    ]


def templates(entries):
    variables = {
        name: getattr(host.data, name) for name in host.data.dict() if name.startswith(("kafka_", "zookeeper_", "os_"))
    }
    return [
        files.template(
            name=f"Template {one['path']}",
            src=str(TEMPLATES / one["template"]),
            dest=one["path"],
            user=one["owner"],
            group=one["group"],
            mode=one["mode"],
            jinja_env_kwargs=dict(JINJA),  # it takes things out
            **{**variables, **one["extra"], "template": one["template"]},
        )
        for one in entries
    ]


def operating_system():
    role = host.data.os_role
    for user in role["users"]:
        server.group(name=f"Group {user['name']}", group=user["name"], system=True)
        server.user(
            name=f"User {user['name']}",
            user=user["name"],
            group=user["name"],
            home=user["home"],
            shell=user["shell"],
            system=True,
            ensure_home=False,
        )
    directories(role["directories"])
    contents(role["contents"])
    templates(role["templates"])
    apt.packages(
        name="Java", packages=host.data.java_role["packages"], no_recommends=True, update=True, cache_time=86400
    )


def service(role, in_sync="true"):
    """One service, from archive to running unit. in_sync: what must succeed after a restart, beside the port."""
    (archive,), (unit,) = role["archives"], role["services"]
    name = unit["name"]
    answers = f"ss -Hltn sport = :{unit['port']} | grep -q ."
    files.directory(name=f"Place of {archive['path']}", path=archive["path"], user="root", group="root", mode="0755")
    fresh = not host.get_fact(File, path=archive["marker"])
    if fresh:
        upload = f"/var/tmp/{name}.tar"
        files.put(name=f"Upload the archive of {name}", src=archive["source"], dest=upload)
        server.shell(
            name=f"Unpack {archive['path']}",
            commands=[f"tar xf {upload} --no-same-owner --strip-components=1 -C {archive['path']}", f"rm {upload}"],
        )
    directories(role["directories"])
    contents(
        [
            {
                **archive,
                "path": archive["marker"],
                "content": archive["identity"],
                "owner": "root",
                "group": "root",
                "mode": "0644",
            },
            *role["contents"],
        ]
    )
    rendered = templates(role["templates"])
    found = host.get_fact(LinkTargets, paths=[link["path"] for link in role["links"]])
    if wrong := [link for link in role["links"] if found.get(link["path"]) != link["target"]]:
        server.shell(
            name=f"Links to the tools of {name}",
            commands=[f"ln -sfn {shlex.quote(link['target'])} {shlex.quote(link['path'])}" for link in wrong],
        )

    def changed():
        return any(operation.did_change() for operation in rendered)

    systemd.daemon_reload(name=f"Read the unit {name}", _if=changed)
    started = systemd.service(name=f"Service {name}", service=name, running=True, enabled=True)
    if fresh:  # one that runs already is not asked again
        server.shell(name=f"{name} answers", commands=[until(answers)])
    if host.data.get("bench_restart"):
        server.shell(
            name=f"Restart {name}",
            commands=[f"systemctl restart {name}", until(f"{answers} && {in_sync}")],
            _serial=True,
            _if=lambda: changed() and not started.did_change(),
        )


def until(condition, tries=120):
    return f"for try in $(seq {tries}); do {condition} && exit 0; sleep 1; done; exit 1"


operating_system()
if "zookeeper" in host.groups:
    service(host.data.zookeeper_role)
if "kafka" in host.groups:
    port = host.data.kafka_role["services"][0]["port"]
    look = f"kafka-topics.sh --describe --under-replicated-partitions --bootstrap-server 127.0.0.1:{port} 2>/dev/null"
    service(host.data.kafka_role, f'found=$({look}) && [ -z "$found" ]')

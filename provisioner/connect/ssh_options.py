"""The options of OpenSSH's client, sorted by what they mean here, and the arguments that an inventory gives it. Pure.

An option that is passed over may lead to another machine, so each keyword of ssh_config(5) is honoured, harmless by its
nature, or refused by name. HARMLESS are those that decide neither which machine is reached, nor as whom, nor which
key is trusted: algorithms are agreed on by both sides, and forwardings and terminals are not opened.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from provisioner.inventory.connection import Given


def _keywords(text: str) -> frozenset[str]:
    return frozenset(text.split())


HONOURED = _keywords(
    """
    addressfamily bindaddress certificatefile connecttimeout globalknownhostsfile hostkeyalias hostname
    identitiesonly identityagent identityfile port proxycommand proxyjump pubkeyauthentication
    stricthostkeychecking user userknownhostsfile
    """
)
# These are applied by `ssh -G`, whose answer no longer depends on them.
APPLIED = _keywords(
    """
    canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots
    canonicalizepermittedcnames host ignoreunknown include match refuseconnection tag
    """
)
HARMLESS = _keywords(
    """
    addkeystoagent batchmode casignaturealgorithms challengeresponseauthentication channeltimeout checkhostip
    cipher ciphers clearallforwardings compression compressionlevel connectionattempts controlmaster controlpath
    controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
    fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted
    gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
    gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts
    hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes hostkeyalgorithms ipqos
    kbdinteractiveauthentication kbdinteractivedevices kexalgorithms localcommand localforward loglevel
    logverbose macs nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming
    passwordauthentication permitlocalcommand permitremoteopen preferredauthentications protocol
    pubkeyacceptedalgorithms pubkeyacceptedkeytypes rekeylimit remotecommand remoteforward requesttty
    requiredrsasize sendenv serveralivecountmax serveraliveinterval sessiontype setenv stdinnull
    streamlocalbindmask streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys
    usekeychain verifyhostkeydns versionaddendum visualhostkey warnweakcrypto xauthlocation
    """
)
# What cannot be done here, with the values that ask for nothing.
REFUSED: Mapping[str, tuple[str, ...]] = {
    "bindinterface": (),
    "knownhostscommand": ("none",),
    "pkcs11provider": ("none",),
    "proxyusefdpass": ("no", "false"),
    "revokedhostkeys": ("none",),
    "securitykeyprovider": ("internal", "$ssh_sk_provider"),
}
SEVERAL = ("identityfile", "certificatefile")  # their values add up; of all others the first counts
WHOLE = ("proxycommand", "localcommand", "remotecommand")  # their value is the rest of the line, as it is

KNOWN = HONOURED | APPLIED | HARMLESS | frozenset(REFUSED)

# The flags of ssh(1), as its getopt has them. PASSED say where and how to connect; INSTEAD would do something else than
# run a command on the host; the rest are about terminals, forwardings and messages.
WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw"
PASSED = {
    "4": "addressfamily=inet",
    "6": "addressfamily=inet6",
    "B": "bindinterface",
    "b": "bindaddress",
    "I": "pkcs11provider",
    "i": "identityfile",
    "J": "proxyjump",
    "l": "user",
    "p": "port",
}
INSTEAD = "GVQOWNfs"
ALL = "1246AaCfGgKkMNnqsTtVvXxYy" + WITH_VALUE


class Arguments(NamedTuple):
    """What an inventory hands to ssh. words: as ssh takes them; options: keyword -> its values, the one that counts
    first; config: the file of -F."""

    words: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    config: str | None = None


def arguments(given: Given) -> Arguments:
    """From ansible_ssh_args, _common_args and _extra_args, in that order, as Ansible has it. Raises ConfigError."""
    plain: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    config = None
    for meaning in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
        variable = f"ansible_{meaning}"
        for flag, value in _flags(given, variable, given[meaning] or ""):
            if flag == "F":
                config = value  # of several, ssh takes the last
                continue
            if flag == "o":
                keyword, text = _option(given, variable, value)
                options[keyword] = (*options.get(keyword, ()), text)
            elif flag in PASSED:
                keyword, _, fixed = PASSED[flag].partition("=")
                options[keyword] = (*options.get(keyword, ()), fixed or value)
            elif flag != "P":  # the tag that `Match tagged` asks for
                continue
            plain += [f"-{flag}", value] if value else [f"-{flag}"]
    return Arguments(tuple(plain), options, config)


def _flags(given: Given, variable: str, text: str) -> Iterator[tuple[str, str]]:
    """The flags as getopt finds them, glued or not. Raises ConfigError."""
    try:
        left = shlex.split(text)
    except ValueError:
        raise given.refusal(variable, "has a quotation mark that is not closed", "correct it") from None
    while left:
        word = left.pop(0)
        if not word.startswith("-") or len(word) == 1 or word == "--":
            raise given.refusal(
                variable,
                f"has the word {word!r}, which is no option",
                "ssh would take it for the host; remove it, or put the value of an option into quotes",
            )
        letters = word[1:]
        while letters:
            flag, letters = letters[0], letters[1:]
            if flag not in ALL or flag in INSTEAD:
                why = "is not an option of ssh" if flag not in ALL else "would make ssh do something else"
                raise given.refusal(variable, f"has -{flag}, which {why}", "remove it")
            if flag not in WITH_VALUE:
                yield flag, ""
                continue
            if not letters and not left:
                raise given.refusal(variable, f"ends with -{flag}, which needs a value", "add it, or remove the flag")
            yield flag, letters or left.pop(0)
            break


def _option(given: Given, variable: str, text: str) -> tuple[str, str]:
    """The keyword, in lower case, and the value of -o. Raises ConfigError."""
    keyword, value = split(text)
    try:
        empty = not keyword or not (value if keyword.lower() in WHOLE else words(value))
    except ValueError as error:
        raise given.refusal(variable, f"has -o {text}, where {error}", "correct it") from None
    if empty:
        raise given.refusal(
            variable, f"has -o {text}, an option without a value", f"write -o {keyword or 'NAME'}=VALUE"
        )
    return keyword.lower(), value


def split(text: str) -> tuple[str, str]:
    """A line of ssh_config, "Keyword value" or "Keyword=value", as keyword and value."""
    text = text.strip()
    end = next((at for at, letter in enumerate(text) if letter.isspace() or letter == "="), len(text))
    rest = text[end:].lstrip()
    return text[:end], (rest[1:] if rest.startswith("=") else rest).strip()


def words(value: str) -> list[str]:
    """The words of a value: quotation marks keep blanks, a word that begins with # begins a comment. Raises ValueError
    for a mark that is not closed."""
    found: list[str] = []
    at = 0
    while at < len(value):
        if value[at].isspace():
            at += 1
            continue
        if value[at] == "#":
            break
        word, quote = "", ""
        while at < len(value) and (quote or not value[at].isspace()):
            letter = value[at]
            if letter == "\\" and value[at + 1 : at + 2] in ("'", '"', "\\", *(() if quote else (" ",))):
                word, at = word + value[at + 1], at + 1
            elif not quote and letter in "'\"":
                quote = letter
            elif letter == quote:
                quote = ""
            else:
                word += letter
            at += 1
        if quote:
            raise ValueError("a quotation mark is not closed")
        found.append(word)
    return found


def unsupported(answer: Mapping[str, Sequence[str]]) -> list[str]:
    """The options that ask for what cannot be done here, as "Keyword value"."""
    return [
        f"{keyword} {value}"
        for keyword, harmless in REFUSED.items()
        for value in answer.get(keyword, ())
        if value.lower() not in harmless
    ]

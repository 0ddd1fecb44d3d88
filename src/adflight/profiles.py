"""Accounts that are kept under a name: who somebody is at a vendor, and what opens it there.

    from adflight import profiles

    async with profiles.client_for(profiles.load("acme")) as client:
        ...

They lie in one file, for the user's eyes alone, which is refused, as ssh refuses keys, when others can read it. It is
JSON: Python writes no TOML, and what only a program writes needs no comments.

Imports core; vendors' clients when one is made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Unpack

import orjson
from attrs import asdict, field, fields, frozen

from adflight.core.errors import ConfigurationError
from adflight.core.quota import Quota

if TYPE_CHECKING:
    from adflight.core.client import Connection
    from adflight.freewheel import FreeWheel
    from adflight.icareus import Icareus
    from adflight.iqm import IQM

__all__ = [
    "VENDORS",
    "Profile",
    "Setting",
    "client_for",
    "load",
    "load_all",
    "path",
    "remove",
    "save",
]

AnyClient: TypeAlias = "IQM | FreeWheel | Icareus"

VERSION: Final = 1
"""Of the file."""

MASK: Final = "***"


@frozen
class Setting:
    """One of a vendor's credentials, by the name that the client's constructor gives it."""

    name: str
    words: str
    is_secret: bool = False
    is_number: bool = False

    def variable(self, vendor: str) -> str:
        """The environment variable that may hold it."""
        return f"{vendor}_{self.name}".upper()


VENDORS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "iqm": (
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", is_secret=True),
        Setting("email", "E-mail"),
        Setting("password", "Password", is_secret=True),
    ),
    "freewheel": (
        Setting("username", "User name"),
        Setting("password", "Password", is_secret=True),
    ),
    "icareus": (
        Setting("organization_id", "Organization id", is_number=True),
        Setting("token", "Organization token", is_secret=True),
        Setting("user_id", "User id", is_number=True),
    ),
}
"""What opens each vendor's service."""

_ACCOUNTS: Final = {"iqm": "email", "freewheel": "username", "icareus": "organization_id"}


def _masked(credentials: Mapping[str, str]) -> str:
    secret = {setting.name for settings in VENDORS.values() for setting in settings if setting.is_secret}
    return repr({name: MASK if name in secret else value for name, value in credentials.items()})


@frozen(kw_only=True)
class Profile:
    """One account at one vendor. Its repr shows no secret.

    Raises `ConfigurationError`, which names everything that is wrong, and shows no secret.
    """

    name: str
    vendor: str
    """One of `VENDORS`."""
    credentials: Mapping[str, str] = field(repr=_masked)
    """By the names of the vendor's settings."""
    base_url: str
    workspace: int | None = None
    """Organization workspace, of IQM; by default the one that the log-in answers with, which `adflight login` keeps."""
    workspace_host: str = ""
    """The same, of IQM."""
    currency: str = ""
    """What its amounts are in, as ISO 4217 has it: no vendor says. Empty when nobody said."""
    quota: str = ""
    """What is kept to instead of the documented quota: requests/seconds, such as "19/60", or "off"."""
    is_sandbox: bool = False
    """Whether it stands for the sandbox; such a one is not kept."""

    def __attrs_post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigurationError(f"profile {self.name!r}: {'; '.join(problems)}")

    @property
    def account(self) -> str:
        """Whose it is, in words: an e-mail address, a user's name, or an organization's id."""
        return self.credentials[_ACCOUNTS[self.vendor]]

    def __str__(self) -> str:
        return f"{self.name} ({self.vendor}, {self.account} at {self.base_url})"


def _problems(profile: Profile) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", profile.name):
        yield "expected a name of letters, digits, dots, hyphens and underscores"
    if profile.vendor not in VENDORS:
        yield f"there is no vendor {profile.vendor!r}{nearest(profile.vendor, VENDORS)}"
        return
    settings = VENDORS[profile.vendor]
    missing = [setting.name for setting in settings if not profile.credentials.get(setting.name)]
    if missing:
        yield f"missing: {', '.join(missing)}"
    unknown = sorted(profile.credentials.keys() - {setting.name for setting in settings})
    if unknown:
        yield f"not a credential of {profile.vendor}: {', '.join(unknown)}"
    for setting in settings:
        if setting.is_number and not profile.credentials.get(setting.name, "0").isdecimal():
            yield f"{setting.name}: expected a whole number"
    if profile.vendor != "iqm" and (profile.workspace is not None or profile.workspace_host):
        yield "workspaces are IQM's alone"
    if not re.fullmatch(r"https?://[^\s/]+\S*", profile.base_url):
        yield f"base_url {profile.base_url!r}: expected a URL"
    if not re.fullmatch("(?:[A-Z]{3})?", profile.currency):
        yield f"currency {profile.currency!r}: expected three capital letters, as in EUR"
    if profile.quota not in ("", "off") and _quota(profile.quota) is None:
        yield f"quota {profile.quota!r}: expected requests/seconds, as in 19/60, or off"


def _quota(text: str) -> Quota | None:
    given = re.fullmatch(r"(\d+)/(\d+(?:\.\d+)?)", text)
    if given is None:
        return None
    try:
        return Quota(int(given[1]), float(given[2]), "set by the profile")
    except ConfigurationError:
        return None


def nearest(name: str, known: Iterator[str] | Mapping[str, Any]) -> str:
    """What may have been meant, as the end of a message."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if names else ""


# clients


def client_for(profile: Profile, **connection: Unpack[Connection]) -> AnyClient:
    """A client for the account. Raises `ConfigurationError`."""
    credentials: dict[str, Any] = dict(profile.credentials)
    if profile.vendor == "iqm":
        from adflight.iqm import IQM
        from adflight.iqm.client import QUOTA

        return IQM(
            **credentials,
            base_url=profile.base_url,
            ow_id=profile.workspace,
            workspace_host=profile.workspace_host or None,
            quota=_quota_of(profile, QUOTA),
            **connection,
        )
    if profile.vendor == "freewheel":
        from adflight.freewheel import FreeWheel, sandbox_routes
        from adflight.freewheel.client import QUOTA as FREEWHEEL_QUOTA

        return FreeWheel(
            **credentials,
            base_url=profile.base_url,
            quota=_quota_of(profile, FREEWHEEL_QUOTA),
            routes=sandbox_routes() if profile.is_sandbox else None,
            allow_low_confidence=profile.is_sandbox,
            **connection,
        )
    from adflight.icareus import Icareus

    return Icareus(
        base_url=profile.base_url,
        organization_id=int(profile.credentials["organization_id"]),
        token=profile.credentials["token"],
        user_id=int(profile.credentials["user_id"]),
        quota=_quota_of(profile, None),
        **connection,
    )


def _quota_of(profile: Profile, documented: Quota | None) -> Quota | None:
    return None if profile.quota == "off" else _quota(profile.quota) or documented


# the file


def path() -> Path:
    """Where profiles are kept: in the user's configuration directory.

    Raises `ConfigurationError` when nobody knows where the user's home is, as of a container's user without a name.
    """
    from platformdirs import user_config_path

    try:
        return user_config_path("adflight", appauthor=False) / "profiles.json"
    except RuntimeError:
        raise ConfigurationError(
            "there is no directory to keep profiles in, because nobody knows the user's home: set HOME or "
            "XDG_CONFIG_HOME"
        ) from None


def load(name: str) -> Profile:
    """A profile by its name. Raises `ConfigurationError`."""
    known = _read(path())
    if not known:
        raise ConfigurationError(
            f"there is no profile {name!r}, nor any other. To make it: adflight login {name} --vendor iqm"
        )
    if name not in known:
        raise ConfigurationError(f"there is no profile {name!r}{nearest(name, known)}")
    return _profile(name, known[name])


def load_all() -> list[Profile]:
    """All profiles, by name. Raises `ConfigurationError`."""
    return [_profile(name, stored) for name, stored in sorted(_read(path()).items())]


def save(profile: Profile) -> bool:
    """Keeps a profile, in the place of another one of its name; returns whether there was one.

    Raises `ConfigurationError`.
    """
    with _alone(path()) as file:
        known = _read(file)
        replaced = profile.name in known
        known[profile.name] = asdict(
            profile,
            filter=lambda at, value: at.name not in ("name", "is_sandbox") and value not in ("", None),
        )
        _write(file, known)
    return replaced


def remove(name: str) -> None:
    """Forgets a profile. Raises `ConfigurationError` when there is none of that name."""
    with _alone(path()) as file:
        known = _read(file)
        if name not in known:
            raise ConfigurationError(f"there is no profile {name!r}{nearest(name, known)}")
        del known[name]
        _write(file, known)


def _profile(name: str, stored: Any) -> Profile:
    shown = f"profile {name!r} in {path()}"
    texts = {"vendor", "base_url", "workspace_host", "currency", "quota"}
    if not isinstance(stored, dict) or not isinstance(stored.get("credentials"), dict):
        raise ConfigurationError(f"{shown} has no credentials: make it again with adflight login")
    allowed = {at.name for at in fields(Profile)} - {"name", "is_sandbox"}
    wrong = sorted(
        key
        for key, value in stored.items()
        if key not in allowed
        or (key in texts and not isinstance(value, str))
        or (key == "workspace" and type(value) is not int)
        or (key == "credentials" and not all(isinstance(text, str) for text in value.values()))
    )
    missing = sorted({"vendor", "base_url"} - stored.keys())
    if wrong or missing:
        raise ConfigurationError(f"{shown} is damaged: {', '.join(wrong + missing)}. Make it again with adflight login")
    return Profile(name=name, **stored)


def _read(file: Path) -> dict[str, Any]:
    try:
        # one descriptor, so that what is judged is what is read
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigurationError(
            f"{file} holds passwords, and others can read it (mode {mode & 0o777:04o}): it is not used. "
            f"To keep it from them: chmod 600 {file}; and think of the passwords as known"
        )
    try:
        stored = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        # its own text and the document that it carries may show a password
        where = f"line {error.lineno}, column {error.colno}"
        damaged = ConfigurationError(f"{file} is damaged at {where}: mend it, or delete it and log in again")
    else:
        if isinstance(stored, dict) and isinstance(stored.get("profiles"), dict):
            if stored.get("version") == VERSION:
                return dict(stored["profiles"])
            raise ConfigurationError(f"{file} is of another version of adflight: {stored.get('version')!r}")
        damaged = ConfigurationError(f"{file} is damaged: it holds no profiles. Mend it, or delete it and log in again")
    raise damaged


def _write(file: Path, profiles: Mapping[str, Any]) -> None:
    """All or nothing, and for nobody else's eyes at any moment."""
    # a link stays one: many keep their settings elsewhere
    target = Path(os.path.realpath(file))
    partial = target.with_name(f".{target.name}.{token_hex(4)}")
    content = orjson.dumps({"version": VERSION, "profiles": profiles}, option=orjson.OPT_INDENT_2)
    try:
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(opened, "wb") as stream:
                # an umask may have taken from the user, too
                partial.chmod(0o600)
                stream.write(content + b"\n")
                stream.flush()
                os.fsync(opened)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from None


@contextmanager
def _alone(file: Path) -> Iterator[Path]:
    """One process changes the file at a time: each writes it whole."""
    try:
        file.parent.mkdir(0o700, parents=True, exist_ok=True)
        lock = os.open(file.with_name("profiles.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    try:
        with suppress(ImportError):
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(lock)

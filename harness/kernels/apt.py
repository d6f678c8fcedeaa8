"""apt for one architecture and suite, isolated: the machine's archive, keys and proxies, our own lists and caches.

Nothing on the machine changes, no foreign architecture has to be added to dpkg, and root is not needed.

    apt/<architecture>[@<suite>]/            one for each; without a suite, the machine's own suites
    apt/<architecture>/apt.conf              read through APT_CONFIG instead of the machine's
    apt/<architecture>/sources.list.d/       the machine's Debian sources, without restriction of architecture
    apt/<architecture>/state/, cache/        what apt-get update fetched
    apt/<architecture>/updated               its time stamp is that of the last complete apt-get update
    apt/<architecture>/lock                  held alone by those who update or ask, shared by those who download
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.errors import KernelError
from harness.kernels import cache, versions
from harness.kernels.progress import say, step
from harness.kernels.sources import kernel_sources

TOOLS = ("apt-get", "apt-cache", "apt-config")
PATH_HINT = "pass the path of a vmlinux with debug information instead: make report KERNEL=/path/to/vmlinux"

POLL_SECONDS = 0.2
# An apt-get update that is this recent is not repeated because a package was not found.
JUST_NOW_SECONDS = 60

# Which settings of the machine matter here: how to reach its sources. Index targets are what else apt-get update
# would fetch for desktops; hooks (APT::Update::*) could touch the machine's own state.
FOREIGN_SETTINGS = re.compile(r"Acquire::(?!IndexTargets|Languages|GzipIndexes|PDiffs)")

# Files that stay where the machine has them: sources (copied), credentials for sources, keys.
MACHINE_FILES = {
    "sourcelist": "Dir::Etc::sourcelist/f",
    "sourceparts": "Dir::Etc::sourceparts/d",
    "netrc": "Dir::Etc::netrc/f",
    "netrcparts": "Dir::Etc::netrcparts/d",
    "trusted": "Dir::Etc::trusted/f",
    "trustedparts": "Dir::Etc::trustedparts/d",
}


@dataclass(frozen=True)
class Candidate:
    """One version of a package that apt offers.

    Attributes
    ----------
    package, version, architecture : str
        As dpkg knows them.
    size : int
        Bytes of the .deb.
    sha256 : str
        Of the .deb, hex, from the signed package lists.
    """

    package: str
    version: str
    architecture: str
    size: int
    sha256: str


def newest(candidates):
    """The candidate with the highest version, or None; among equal versions the highest name (its abi number)."""
    return max(
        candidates,
        key=lambda one: (versions.sort_key(one.version), versions.sort_key(one.package)),
        default=None,
    )


def require_apt(name):
    """Raise a KernelError that says what to do instead, unless apt is installed.

    Parameters
    ----------
    name : str
        The kernel that was asked for.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise KernelError(f"{name} cannot be fetched: this machine has no {missing[0]}; {PATH_HINT}")


class Apt:
    """apt's view of one architecture.

    Parameters
    ----------
    architecture : str
        As dpkg spells it.
    suite : str, optional
        Of the machine's archive, such as sid; without it, the machine's own suites.
    progress : bool
        Report on stderr what takes long.
    """

    def __init__(self, architecture, suite=None, progress=True):
        self.architecture = architecture
        self.suite = suite
        self.progress = progress
        self.whose = architecture if suite is None else f"{architecture} in {suite}"
        self.root = cache.root() / "apt" / (architecture if suite is None else f"{architecture}@{suite}")
        self.lock = self.root / "lock"
        self.stamp = self.root / "updated"
        self.complaint = ""  # what the last apt-get update could not do

    def find(self, pattern, beginning="linux-image-"):
        """The newest version among all packages whose names match, or None; the lists are fetched as needed.

        Parameters
        ----------
        pattern : str
            Regular expression for the whole name.
        beginning : str
            How all of these names begin.

        Returns
        -------
        Candidate or None

        Raises
        ------
        KernelError
            The machine has no usable sources, or apt fails.
        """
        return self._ask(lambda: newest(self._candidates(pattern, beginning)))

    def needed(self, *packages):
        """The newest version of some packages and of all that they depend on: list of Candidate.

        Nothing counts as installed, so that what is unpacked needs nothing of the machine.

        Raises
        ------
        KernelError
            The machine has no usable sources, one of the packages is not there, or apt fails.
        """
        return self._ask(lambda: self._closure(packages))

    def _ask(self, question):
        """The answer of a question to apt's lists; where it is None, they are fetched anew and asked again."""
        with cache.locked(self.lock, waiting_for=f"apt for {self.whose}") as lock:
            changed = self._configure()
            age = self._age()
            if changed or age is None or age > cache.DAY_SECONDS:
                self._update(lock)
            found = question()
            if found is None and self._age_exceeds_just_now():
                self._update(lock)
                found = question()
        return found

    def names(self):
        """Names of all packages of kernels with debug information, sorted list of str. Call after `find`.

        Raises
        ------
        KernelError
            apt-cache fails.
        """
        with cache.locked(self.lock):
            text = self._run("apt-cache", "pkgnames", "linux-image-")
        return sorted(name for name in text.split() if name.endswith("-dbg"))

    def download(self, candidate, directory):
        """Fetch a .deb and check it.

        Parameters
        ----------
        candidate : Candidate
            From `find`.
        directory : Path
            An empty directory.

        Returns
        -------
        Path
            Of the .deb, in `directory`.

        Raises
        ------
        KernelError
            apt fails, the disk has too little room, or what came is not what the package lists promise.
        """
        free = shutil.disk_usage(directory).free
        if free < candidate.size:
            raise KernelError(f"the package needs {candidate.size} bytes but only {free} are free", path=directory)
        command = ["apt-get", "-q", "download", f"{candidate.package}={candidate.version}"]
        with (
            cache.locked(self.lock, shared=True, waiting_for=f"apt for {self.whose}"),
            tempfile.TemporaryFile() as output,
            step("downloading", "downloaded", candidate.package, candidate.size, self.progress) as advance,
        ):
            child = subprocess.Popen(
                command, cwd=directory, env=self._environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            try:
                while True:
                    try:
                        status = child.wait(POLL_SECONDS)
                        break
                    except subprocess.TimeoutExpired:
                        advance(max((path.stat().st_size for path in directory.glob("*.deb*")), default=0))
            finally:
                if child.poll() is None:
                    child.terminate()
                    child.wait()
            if status:
                output.seek(0)
                complaint = _complaint(output.read().decode(errors="replace"))
                raise KernelError(f"apt-get could not download {candidate.package}: {complaint}")
            advance(candidate.size)
        debs = sorted(directory.glob("*.deb"))
        if len(debs) != 1:
            raise KernelError(f"apt-get left {len(debs)} packages where one was expected", path=directory)
        with open(debs[0], "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != candidate.sha256:
            raise KernelError(f"SHA256 is {found}, the package lists say {candidate.sha256}", path=debs[0])
        return debs[0]

    def _age(self):
        """Seconds since the last complete update, or None if there was none or the clock went back."""
        try:
            age = time.time() - self.stamp.stat().st_mtime
        except OSError:
            return None
        return age if age >= 0 else None

    def _age_exceeds_just_now(self):
        age = self._age()
        # Without a stamp the update was tried in this call and failed in part; at once again would be no better.
        return age is not None and age > JUST_NOW_SECONDS

    def _configure(self):
        """Write the configuration from the machine's; returns whether it differs from before."""
        words = [word for pair in MACHINE_FILES.items() for word in pair]
        shell = _run_plain(["apt-config", "shell", *words])
        machine = dict(word.partition("=")[::2] for word in shlex.split(shell))
        settings = _run_plain(["apt-config", "dump"]).splitlines()
        sources = kernel_sources(Path(machine["sourcelist"]), Path(machine["sourceparts"]), self.suite)
        if not sources:
            raise KernelError(f"this machine's apt sources have no Debian archive that offers kernels; {PATH_HINT}")
        for directory in ("sources.list.d", "empty", "state/lists/partial", "cache/archives/partial"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        files = {
            "sources.list.d/machine.sources": sources,
            "status": "",  # dpkg's: nothing is installed, so nothing is pinned or held
            "apt.conf": self._configuration(settings, machine),
        }
        changed = False
        for name, text in files.items():
            path = self.root / name
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                # Proxies may come with a password.
                cache.write_atomically(path, text, mode=0o600 if name == "apt.conf" else 0o644)
                changed = True
        return changed

    def _configuration(self, settings, machine):
        lines = ['Acquire::Retries "3";']
        lines += [line for line in settings if FOREIGN_SETTINGS.match(line)]
        values = {
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "Acquire::GzipIndexes": "true",
            "APT::Architecture": self.architecture,
            "APT::Architectures::": self.architecture,
            "Dir::State": self.root / "state",
            "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache",
            "Dir::Cache::srcpkgcache": "",  # half the size on disk, and no slower for a single source
            "Dir::Log": self.root / "log",
            "Dir::Etc::main": self.root / "empty" / "none",
            "Dir::Etc::parts": self.root / "empty",
            "Dir::Etc::sourcelist": self.root / "empty" / "none",
            "Dir::Etc::sourceparts": self.root / "sources.list.d",
            "Dir::Etc::preferences": self.root / "empty" / "none",
            "Dir::Etc::preferencesparts": self.root / "empty",
            **{f"Dir::Etc::{name}": machine[name] for name in ("netrc", "netrcparts", "trusted", "trustedparts")},
        }
        if os.geteuid() == 0:
            # Else apt drops its rights, then cannot write below root's home, and warns that it keeps them.
            values["APT::Sandbox::User"] = "root"
        lines += [f'{name} "{value}";' for name, value in values.items()]
        return "\n".join(lines) + "\n"

    def _environment(self):
        return {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"}

    def _update(self, lock):
        """Fetch the package lists. A failing source is no error as long as another offers the kernel."""
        say(f"asking apt for packages of {self.whose}", self.progress)
        # The child keeps our lock open: if this process is killed, the next one waits until apt has ended.
        result = subprocess.run(
            ["apt-get", "-q", "update"],
            env=self._environment(),
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        self.complaint = _complaint(result.stderr) if result.returncode else ""
        if self.complaint:
            say(f"apt-get update for {self.whose} was incomplete: {self.complaint}", self.progress)
            self.stamp.unlink(missing_ok=True)
        else:
            self.stamp.touch()

    def _candidates(self, pattern, beginning):
        matches = re.compile(pattern).fullmatch
        names = [name for name in self._run("apt-cache", "pkgnames", beginning).split() if matches(name)]
        if not names:
            return []
        records = self._run("apt-cache", "show", *sorted(names))
        return parse_records(records, self.architecture, "all")

    def _closure(self, packages):
        plan = self._run("apt-get", "-q", "-s", "--no-install-recommends", "install", *packages)
        planned = dict(re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE))
        records = self._run("apt-cache", "show", *(f"{name}={version}" for name, version in planned.items()))
        found = {one.package: one for one in parse_records(records, self.architecture, "all")}
        if missing := [name for name in planned if name not in found]:
            raise KernelError(f"apt does not say what {missing[0]} must look like")
        return [found[name] for name in planned]

    def _run(self, *command):
        return _run_plain(command, self._environment())


def parse_records(text, *architectures):
    """The candidates in what ``apt-cache show`` prints.

    Parameters
    ----------
    text : str
        Paragraphs of the package lists; those without size or SHA-256 are left out, since they could not be checked.
    *architectures : str
        Those that are wanted; packages for any machine have the architecture all.

    Returns
    -------
    list of Candidate
    """
    candidates = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines() if not line.startswith(" "))
        architecture = fields.get("Architecture")
        if architecture not in architectures or not fields.get("Size", "").isdigit():
            continue
        if all(fields.get(name) for name in ("Package", "Version", "SHA256")):
            candidates.append(
                Candidate(fields["Package"], fields["Version"], architecture, int(fields["Size"]), fields["SHA256"])
            )
    return candidates


def _run_plain(command, environment=None):
    result = subprocess.run(
        command,
        env=environment or {**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        verb = next(word for word in command[1:] if not word.startswith("-"))
        raise KernelError(f"{command[0]} {verb} failed: {_complaint(result.stderr)}")
    return result.stdout


def _complaint(text):
    """The first error, else warning, else last line that apt printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for mark in ("E: ", "W: ", "Err:"):
        found = next((line for line in lines if line.startswith(mark)), None)
        if found is not None:
            return found.removeprefix(mark)
    return lines[-1] if lines else "it gave no reason"

"""Where a kernel comes from: a path, or a Debian debug package by name.

    resolve("/path/to/vmlinux")            a file, used where it lies
    resolve("debian-6.12-cloud-amd64")     a name of data/kernels.toml: the newest version that apt offers
    resolve("linux-image-6.1.0-50-s390x-dbg")    exactly that package

A fetched kernel is kept in the user's cache directory with a provenance.json beside it. The only error is
`harness.errors.KernelError`.

Files, in the order in which data goes through them: ``names`` (the catalogue) and ``versions`` (which is newer),
``sources`` and ``apt`` (what is offered, and the download), ``unpack`` (the vmlinux out of the package), ``notes``
(its build ID), ``cache`` (what is kept, and when it may be trusted), ``fetching`` (all of it), ``kernel``. ``tools``
fetches programs, ``building`` builds a kernel with clang.
"""

from harness.kernels.fetching import cached, fetch, fetch_default, resolve
from harness.kernels.kernel import Kernel
from harness.kernels.names import CatalogueEntry, catalogue, default_name, default_names

__all__ = ["CatalogueEntry", "Kernel", "cached", "catalogue", "default_name", "default_names", "fetch",
           "fetch_default", "resolve"]

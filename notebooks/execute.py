"""Run the notebooks from the top, without a browser, and keep them with their outputs as .ipynb and as HTML.

    python notebooks/execute.py                               all of them, into reports/notebooks
    KERNEL=debian-6.1-cloud-amd64 python notebooks/execute.py 02_one_kernel.ipynb --output executed

The environment variable KERNEL says which kernel: a catalogue name, a package's name, a path or a report's folder. Its
report is made first if it is not there and the kernel is on this machine; otherwise the notebooks show the figures that
were recorded. Nothing is fetched.

Two run at a time. A notebook whose cell raises, or takes longer than the time-out, is not written: what an earlier run
wrote stays, its traceback is printed, and the exit code is 1. The same inputs give the same files: there are no times
in them and no paths of this machine. The HTML asks for nothing from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

TIMEOUT_S = 120
"""For one cell."""

JOBS = 2

STYLE = """
:root { color-scheme: light dark; --rule: #d0d0d0; --soft: #f5f5f5; --link: #0072B2; }
@media (prefers-color-scheme: dark) { :root { --rule: #555; --soft: #262626; --link: #56B4E9; } }
body { font: 16px/1.5 "DejaVu Sans", Verdana, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 0.6rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; } h3 { font-size: 1.05rem; }
a { color: var(--link); } a.anchor-link { display: none; }
code, pre { font-family: "DejaVu Sans Mono", Consolas, monospace; font-size: 0.85rem; }
.input { margin: 1.2rem 0 0.3rem; border-left: 3px solid var(--rule); background: var(--soft); }
.input pre { margin: 0; padding: 0.4rem 0.8rem; overflow-x: auto; }
.prompt { display: none; }
.output_subarea { overflow-x: auto; margin: 0.3rem 0; }
.output_subarea > div { overflow-wrap: anywhere; }
.text_cell_render table { display: block; overflow-x: auto; }
.output_stderr { border-left: 3px solid #B04A00; padding-left: 0.8rem; }
table { border-collapse: collapse; font-size: 0.82rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.6rem; border-bottom: 1px solid var(--rule); }
th { border-bottom: 2px solid var(--rule); }
img { max-width: 100%; height: auto; }
nav { border-bottom: 1px solid var(--rule); padding-bottom: 0.5rem; font-size: 0.9rem; }
@media print { body { max-width: none; } .input { break-inside: avoid; } }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}{highlight}</style>
</head>
<body>
<nav>{links}</nav>
<main>
{body}
</main>
</body>
</html>
"""


class Failed(Exception):
    """A notebook that did not run to its end; the text says which cell and why."""


def notebooks():
    """All notebooks of this folder, in order."""
    return sorted(HERE.glob("*.ipynb"))


async def execute(path, timeout_s, scratch):
    """A notebook with its outputs, a NotebookNode.

    Parameters
    ----------
    path : Path
    timeout_s : float
        For each cell.
    scratch : path-like
        A folder for the sockets to its kernel.

    Raises
    ------
    Failed
    """
    import nbformat
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    book = nbformat.read(path, as_version=4)
    client = NotebookClient(book, timeout=timeout_s, kernel_name="python3", record_timing=False, coalesce_streams=True,
                            resources={"metadata": {"path": str(path.parent)}},
                            config=Config(KernelManager={"transport": "ipc", "ip": f"{scratch}/{path.stem}"}))
    try:
        await client.async_execute()
    except CellTimeoutError as error:
        raise Failed(f"{path.name}: a cell took longer than {timeout_s:g} s\n{error}") from error
    except (CellExecutionError, DeadKernelError, NoSuchKernel, RuntimeError) as error:  # the last: it does not start
        raise Failed(f"{path.name}: {error}") from error
    return plain(book)


def plain(book):
    """A notebook without what differs from run to run or from machine to machine: its metadata but the language's."""
    book.metadata = {key: book.metadata[key] for key in ("kernelspec", "language_info") if key in book.metadata}
    for cell in book.cells:
        cell.metadata = {}
    return book


def page(book, name):
    """A notebook as one HTML file that needs nothing else, str."""
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    body, _ = HTMLExporter(template_name="basic").from_notebook_node(book)
    body = re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', body)  # notebooks link to each other
    title = next((line[2:] for cell in book.cells for line in cell.source.splitlines()
                  if cell.cell_type == "markdown" and line.startswith("# ")), name)
    links = " · ".join(f'<a href="{other.stem}.html">{other.stem}</a>' if other.stem != name else f"<b>{name}</b>"
                       for other in notebooks())
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    highlight = f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n.highlight {{ background: none; }}"
    return PAGE.format(title=html.escape(title), style=STYLE, highlight=highlight, links=links, body=body)


def write(path, text):
    """Write a file at once: a reader sees the old one or the new one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            os.fchmod(descriptor, 0o644)
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


async def run(paths, out, timeout_s, jobs, scratch):
    """Execute notebooks, some at a time, and write each when it is done; returns what those said that failed."""
    import nbformat

    slots, failed = asyncio.Semaphore(jobs), []

    async def one(path):
        async with slots:
            began = time.monotonic()
            try:
                book = await execute(path, timeout_s, scratch)
            except Failed as error:
                failed.append(str(error))
                print(f"{path.name}: FAILED after {time.monotonic() - began:.1f} s", flush=True)
                return
            nbformat.validate(book)
            write(out / path.name, nbformat.writes(book) + "\n")
            write(out / f"{path.stem}.html", page(book, path.stem))
            print(f"{path.name}: {time.monotonic() - began:.1f} s", flush=True)

    await asyncio.gather(*map(one, paths))
    return failed


def main(argv=None):
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0],
                                     epilog="The environment variable KERNEL says which kernel.")
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as 02_one_kernel.ipynb; default: all")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "reports" / "notebooks", metavar="DIR")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, metavar="SECONDS", help="for one cell")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="notebooks at a time")
    args = parser.parse_args(argv)
    known = {path.name: path for path in notebooks()}
    wanted = [Path(name).name for name in args.names] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"expected notebooks of {', '.join(known)}, found {', '.join(unknown)}")

    from harness import accelerate
    from harness.errors import HarnessError
    from harness.notebook import study, tiny

    began = time.monotonic()
    try:
        if accelerate.first_run():
            tiny.make()  # compiles numba's kernels, which takes longer than a cell may
        report = study.open_report()  # made here, once, and not by each notebook
    except HarnessError as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    print(f"notebooks of {report.about['kernel']}: {'RECORDED figures' if report.recorded else 'the report'} in "
          f"{os.path.relpath(report.path)} ({time.monotonic() - began:.1f} s)", flush=True)
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="notebooks-") as scratch:
        # no profile, history or start-up files of the user's, and no connection files left behind
        os.environ |= {"IPYTHONDIR": scratch, "JUPYTER_RUNTIME_DIR": scratch, "PYTHONHASHSEED": "0"}
        failed = asyncio.run(run([known[name] for name in wanted], args.output.resolve(), args.timeout,
                                 max(1, args.jobs), scratch))
    for text in failed:
        print(text if sys.stderr.isatty() else re.sub(r"\x1b\[[0-9;]*m", "", text), file=sys.stderr)
    print(f"{len(wanted) - len(failed)} of {len(wanted)} notebooks, as .ipynb and HTML in "
          f"{os.path.relpath(args.output)}: {time.monotonic() - began:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

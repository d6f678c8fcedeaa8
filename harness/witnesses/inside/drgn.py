"""Run by a Python that has drgn: whether drgn finds a type in a file. Last line of standard output: found, or why not.

    drgn.py version
    drgn.py read FILE TYPE      such as 'struct task_struct'
"""

import importlib
import os
import sys

sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]


def main(verb, *words):
    """Do what the arguments say."""
    drgn = importlib.import_module("drgn")  # not this file, whose folder has been taken from the path
    if verb == "version":
        print(drgn.__version__)
        return
    path, name = words
    program = drgn.Program()
    try:
        program.load_debug_info([path])
        program.type(name)
    except Exception as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "))
    else:
        print("found")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python -m harness`` is ``btf-harness``."""

import sys

from harness.cli import main

sys.exit(main())

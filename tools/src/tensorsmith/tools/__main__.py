"""Entry point of `python -m tensorsmith.tools`, which is equivalent to the `tensorsmith` command."""

import sys

from tensorsmith.tools.main import main

sys.exit(main())

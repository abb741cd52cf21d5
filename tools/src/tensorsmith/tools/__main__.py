"""`python -m tensorsmith.tools` is the command `tensorsmith`."""

import sys

from tensorsmith.tools.main import main

sys.exit(main())

"""python -m vlm_lab COMMAND"""

import sys

from vlm_lab.cli import main

sys.exit(main())

"""python -m vlm_lab COMMAND"""

import sys

from vlm_lab.cli.main import main

sys.exit(main())

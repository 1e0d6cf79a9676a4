"""A candidate of a run -> a folder that needs nothing of ours and reads invoices as measured.

prompt.txt  schema.json  settings.json  requirements.txt  read_invoice.py  README.md
pages.py images_only.py   modules of this package, copied as they stand
checkpoint/               the weights, where the hub does not have them

vlm-lab export last --model qwen2-vl-2b
"""

from vlm_lab.export.candidate import find_candidate
from vlm_lab.export.folder import write_export

__all__ = ["find_candidate", "write_export"]

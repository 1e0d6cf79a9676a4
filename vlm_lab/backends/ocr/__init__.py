"""Pages -> pieces of text (`rapidocr_reader`, `tesseract_reader`) -> lines (`text_lines`) -> the
fields that rules find in them (`rules`) -> an answer in the suite's keys (`suite_keys`). `backend`
does it for a prompt."""

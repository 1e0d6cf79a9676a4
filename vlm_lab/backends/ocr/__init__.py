"""Pages -> lines of print (`backend`) -> the fields that rules find in them (`rules`) ->
an answer in the suite's keys (`suite_keys`)."""

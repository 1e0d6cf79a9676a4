"""Pages -> lines of print (`backend`) -> the fields that rules find in them (`rules`)."""

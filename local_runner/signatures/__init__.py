"""Who calls: the keys of a data folder, and the check that a request is signed with them."""

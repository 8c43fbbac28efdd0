"""An HTTPS proxy that answers for AWS hosts on this machine, for clients that read no endpoint variable."""

"""The console: pages for a browser that show what the local AWS holds and does, served by the same process on the same port."""

PATH = "/_wildsage/console"
"""What the addresses of all pages begin with. A bucket cannot have an underscore in its name."""

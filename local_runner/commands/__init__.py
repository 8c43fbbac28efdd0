"""The commands of `wildsage`, one module each. Commands parse options and print; other packages do the work."""

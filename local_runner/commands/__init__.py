"""The commands of `wildsage`, one module each. A command talks to people; what it does lies beside this folder."""

"""Published scripts import this module and use nothing of it."""

"""Published scripts import this module and use nothing of it: it starts scripts, and has started them by then."""

"""What a data folder holds and how it changes: for commands that show, follow or clean it."""

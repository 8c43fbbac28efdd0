"""`python -m wildsage` is the command `wildsage`, for where the folder of commands is not on the path."""

from wildsage.local_runner.__main__ import main

if __name__ == "__main__":
    main()

"""A channel → blocks of lines → words and their numbers. The text is streamed; what is held is the vocabulary."""

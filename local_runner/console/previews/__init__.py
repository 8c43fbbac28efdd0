"""What the console shows of an object of S3 out of a bounded part of its bytes: a table, text, pictures, members of an archive."""

"""Pictures: encoded images, image RecordIO, and the lists that name image files."""

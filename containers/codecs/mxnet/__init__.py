"""MXNet's file formats: NDArray files, symbols, and the archives that hold them."""

"""One module a kernel: the cases of `tensorsmith bench ops`, and who else can do the same work."""

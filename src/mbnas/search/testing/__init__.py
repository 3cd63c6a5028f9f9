"""What a package that offers a searcher can test it by."""

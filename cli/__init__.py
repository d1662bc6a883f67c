"""The command line: click commands of a few lines each, over the library."""

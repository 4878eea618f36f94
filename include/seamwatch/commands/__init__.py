"""The commands of the command line, one file a group; `seamwatch.cli` lists them."""

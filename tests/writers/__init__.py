"""Writers that turn Python trees into the bytes a test reads: ELF files, DWARF sections; broken ones too."""

"""The files of certificates: loaded, watched, replaced as a whole."""

configure_nuncio() { echo "not yet" >&2; exit 2; }

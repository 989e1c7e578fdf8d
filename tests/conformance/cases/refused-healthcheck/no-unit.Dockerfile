FROM base
HEALTHCHECK --timeout=5 CMD x

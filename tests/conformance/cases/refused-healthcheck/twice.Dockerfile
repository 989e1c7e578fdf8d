FROM base
HEALTHCHECK --timeout=5s --timeout=6s CMD x

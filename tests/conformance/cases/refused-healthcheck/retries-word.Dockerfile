FROM base
HEALTHCHECK --retries=x CMD x

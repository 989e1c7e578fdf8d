FROM base
HEALTHCHECK --interval=1us CMD x

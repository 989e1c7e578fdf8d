FROM base AS one
HEALTHCHECK --interval=3s CMD x
FROM one
HEALTHCHECK --timeout=4s CMD y

FROM base AS 1

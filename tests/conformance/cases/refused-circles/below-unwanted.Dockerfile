FROM base AS a
COPY --from=b /etc /x
FROM base AS b
FROM base AS c
COPY --from=a /etc /x
FROM base

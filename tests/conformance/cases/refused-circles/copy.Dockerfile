FROM base AS a
COPY --from=b /etc /x
FROM base AS b
COPY --from=a /etc /x
FROM base

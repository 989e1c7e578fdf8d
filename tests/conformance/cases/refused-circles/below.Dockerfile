FROM base AS a
COPY --from=c /etc /x
FROM base AS b
COPY --from=A /x /y
FROM base AS c

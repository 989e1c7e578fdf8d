FROM base AS a
COPY --from=0 /etc /x
FROM base

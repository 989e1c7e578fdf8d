FROM base
COPY --from=7 /x /

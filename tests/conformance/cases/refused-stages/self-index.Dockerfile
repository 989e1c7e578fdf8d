FROM base
COPY --from=0 /x /

FROM base
COPY --from=base /nope/*/y /x/

FROM base AS one
COPY --from=one /x /

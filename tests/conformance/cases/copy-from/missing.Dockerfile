FROM base AS one
FROM base
COPY --from=one /missing /

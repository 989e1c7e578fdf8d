FROM base AS one
COPY --from=two /x /
FROM base AS two

FROM base AS one
FROM one

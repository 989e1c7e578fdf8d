FROM base AS a
RUN --mount=from=b,target=/m true
FROM a AS b
FROM base

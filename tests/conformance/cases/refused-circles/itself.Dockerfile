FROM base AS a
RUN --mount=from=a,target=/m true
FROM base

FROM base AS a
RUN --mount=from=b,target=/m true
FROM base AS b
RUN --mount=from=a,target=/m true
FROM base

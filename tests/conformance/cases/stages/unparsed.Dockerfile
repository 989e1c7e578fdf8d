FROM base AS broken
NONSENSE
FROM base

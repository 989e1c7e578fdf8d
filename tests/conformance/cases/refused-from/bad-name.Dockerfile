FROM base AS _one

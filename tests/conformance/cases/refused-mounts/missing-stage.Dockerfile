FROM base AS one
RUN --mount=from=one,target=/x true

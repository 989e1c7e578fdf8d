FROM base AS one
RUN --mount=from=two,target=/x true
FROM base AS two

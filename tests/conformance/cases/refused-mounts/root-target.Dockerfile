FROM base
RUN --mount=type=tmpfs,target=/ true

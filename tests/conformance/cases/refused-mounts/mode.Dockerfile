FROM base
RUN --mount=type=cache,mode=9,target=/x true

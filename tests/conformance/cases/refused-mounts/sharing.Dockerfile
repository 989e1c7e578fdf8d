FROM base
RUN --mount=type=cache,sharing=nonsense,target=/x true

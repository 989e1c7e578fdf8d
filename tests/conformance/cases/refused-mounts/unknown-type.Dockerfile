FROM base
RUN --mount=type=nonsense,target=/x true

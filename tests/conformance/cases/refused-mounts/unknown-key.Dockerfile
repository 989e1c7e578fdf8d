FROM base
RUN --mount=type=bind,nonsense=1,target=/x true

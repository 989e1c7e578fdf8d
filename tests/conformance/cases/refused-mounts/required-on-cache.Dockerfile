FROM base
RUN --mount=type=cache,required,target=/x true

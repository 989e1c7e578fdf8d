FROM base
RUN --mount=type=bind,sharing=shared,target=/x true

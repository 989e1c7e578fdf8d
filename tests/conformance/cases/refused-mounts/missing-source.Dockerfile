FROM base
RUN --mount=source=missing,target=/x true

FROM base
RUN mkdir -p /c
RUN --mount=target=/c ls -a /c >/x

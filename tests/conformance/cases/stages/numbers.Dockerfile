FROM base
RUN echo 0 >/x
FROM base AS named
RUN echo 1 >/x
FROM base
COPY --from=0 /x /0
COPY --from=1 /x /1

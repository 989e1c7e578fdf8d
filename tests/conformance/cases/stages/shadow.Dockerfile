FROM base AS scratchy
RUN echo stage >/x
FROM scratchy AS base
RUN echo more >/y
FROM base
COPY --from=base /y /z

ARG V=1
ARG BASE=base
FROM ${BASE} AS build-1
RUN echo one >/which
FROM $BASE AS build-2
RUN echo two >/which
FROM build-${V} AS build
FROM scratch AS binary
COPY --from=build /which /
FROM base AS other
COPY --from=build-1 /which /one
FROM other
COPY --from=binary / /bin2/
COPY --from=4 /one /again
ARG V
LABEL version=$V

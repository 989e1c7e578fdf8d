ARG TAG
ARG IMAGE=tools:$TAG
FROM absent:1 AS first
FROM base
RUN true
FROM $IMAGE AS tools
FROM base
COPY --from=first /x /
COPY --from=tools /x /

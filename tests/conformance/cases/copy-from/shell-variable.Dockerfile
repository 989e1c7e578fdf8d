FROM base AS one
ENV where=/etc
FROM base
ENV where=/bin
COPY --from=one $where/sh /x

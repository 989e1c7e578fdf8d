ARG VERSION
FROM golang:$VERSION AS unused
RUN make
FROM base
COPY a.txt /

FROM base
RUN mkdir -p /dest/f
COPY d /dest

FROM base
RUN mkdir -p /dest/sub && touch -d @800000000 /dest/sub /dest
COPY d/sub/file /dest/sub/new

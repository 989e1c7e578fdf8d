FROM base
RUN mkdir -p /usr/real && ln -s usr/real /lnk
COPY d /lnk/
COPY d/sub/f /lnk/sub/again

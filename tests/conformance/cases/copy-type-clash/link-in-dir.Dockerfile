FROM base
RUN mkdir -p /dest && ln -s /etc /dest/f
COPY e /dest

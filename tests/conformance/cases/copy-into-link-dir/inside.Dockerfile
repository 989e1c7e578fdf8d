FROM base
RUN mkdir -p /real /dest && ln -s /real /dest/sub
COPY d /dest/

FROM base
RUN mkdir /dest && echo x >/dest/f
COPY e /dest

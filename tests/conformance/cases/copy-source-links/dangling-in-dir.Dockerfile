FROM base
COPY e /x

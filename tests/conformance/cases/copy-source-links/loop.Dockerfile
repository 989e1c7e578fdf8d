FROM base
COPY loop /x

FROM base
COPY [ /x

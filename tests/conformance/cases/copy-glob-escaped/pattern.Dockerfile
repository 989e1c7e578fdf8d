FROM base
COPY st\\*r* /x/
COPY [s]t\\*r /y/

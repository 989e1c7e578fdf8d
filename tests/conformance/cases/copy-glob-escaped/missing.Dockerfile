FROM base
COPY st\\*r /x/

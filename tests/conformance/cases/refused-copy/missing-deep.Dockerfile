FROM base
COPY a.txt/b /x

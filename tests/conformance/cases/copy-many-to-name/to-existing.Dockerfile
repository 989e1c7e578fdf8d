FROM base
COPY a.txt b.txt /etc

FROM base
COPY --nonsense=1 a.txt /

FROM base
COPY --CHOWN=1 a.txt /

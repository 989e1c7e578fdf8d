FROM base
COPY --chown a.txt /

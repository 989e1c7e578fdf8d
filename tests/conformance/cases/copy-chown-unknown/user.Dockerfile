FROM base
COPY --chown=ghost f /

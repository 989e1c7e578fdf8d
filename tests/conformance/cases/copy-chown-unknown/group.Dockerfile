FROM base
COPY --chown=app:ghost f /

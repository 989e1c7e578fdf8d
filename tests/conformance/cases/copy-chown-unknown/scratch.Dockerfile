FROM scratch
COPY --chown=app f /

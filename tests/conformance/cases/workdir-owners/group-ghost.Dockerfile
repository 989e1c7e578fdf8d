FROM base
USER app:ghost
WORKDIR /w

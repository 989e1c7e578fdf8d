FROM scratch
USER app
WORKDIR /w

FROM scratch
WORKDIR a/b
COPY f .

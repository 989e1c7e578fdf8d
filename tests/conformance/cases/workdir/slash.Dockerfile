FROM base
WORKDIR /a/b/
WORKDIR c/
COPY f .
RUN pwd >/pwd

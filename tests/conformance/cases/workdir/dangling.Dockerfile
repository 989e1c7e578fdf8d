FROM base
RUN ln -s nowhere /link
WORKDIR /link/sub
COPY f .

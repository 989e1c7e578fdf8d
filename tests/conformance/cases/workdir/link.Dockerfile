FROM base
RUN mkdir /real && ln -s real /link && ln -s /real/deep /absolute
WORKDIR /link/sub
COPY f .
RUN pwd >/pwd

FROM base
WORKDIR //a/./b
RUN pwd >/p
WORKDIR c/
RUN pwd >>/p
WORKDIR //

FROM base
ENV d=dir
WORKDIR a
WORKDIR b/../c
RUN pwd >/pwd1
WORKDIR /x/$d/${none}y
RUN pwd >/pwd2
WORKDIR ..
RUN pwd >/pwd3

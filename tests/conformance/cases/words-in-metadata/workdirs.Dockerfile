FROM base
ENV w=/w
WORKDIR $w/a/./b/
RUN pwd >/1
WORKDIR ${none}x
RUN pwd >/2
WORKDIR "/q d"
RUN pwd >/3
WORKDIR 'rel'
RUN pwd >/4
WORKDIR /
WORKDIR ..
RUN pwd >/5

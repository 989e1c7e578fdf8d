FROM base AS one
ENV a=b
USER app
WORKDIR /w
LABEL l=m
EXPOSE 1
VOLUME /v
STOPSIGNAL 9
SHELL ["/bin/sh", "-e", "-c"]
HEALTHCHECK CMD x
CMD x
FROM one AS two
FROM two
LABEL n=o

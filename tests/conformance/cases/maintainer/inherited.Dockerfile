FROM base AS one
MAINTAINER first
FROM one
LABEL a=b

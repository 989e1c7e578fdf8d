FROM base
MAINTAINER "A <a@b>"   and $b

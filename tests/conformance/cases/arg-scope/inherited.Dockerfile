ARG global=g
FROM base AS one
ARG global
ARG a=1
RUN echo "[$global] [${unset-none}]" >/before
FROM one
RUN echo "[$global] [$a]" >/inherited
LABEL a=$a g=$global

FROM base
USER ghost:7
WORKDIR /w

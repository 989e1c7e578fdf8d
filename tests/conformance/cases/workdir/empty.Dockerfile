FROM base
WORKDIR $nothing

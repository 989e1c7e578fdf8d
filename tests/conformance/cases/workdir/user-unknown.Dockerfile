FROM base
USER nobody-here
WORKDIR /w

FROM base
ENV =x

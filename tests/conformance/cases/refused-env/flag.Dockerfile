FROM base
ENV --x a=b

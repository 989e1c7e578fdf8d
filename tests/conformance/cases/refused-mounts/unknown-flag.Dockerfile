FROM base
RUN --nonsense=x true

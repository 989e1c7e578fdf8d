FROM base
RUN   ["echo", "a"] >/json-and-more 2>&1 || echo failed >/json-and-more

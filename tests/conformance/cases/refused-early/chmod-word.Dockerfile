FROM base
COPY --chmod=nonsense a.txt /

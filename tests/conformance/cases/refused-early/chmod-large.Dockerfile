FROM base
COPY --chmod=77777 a.txt /

FROM base
COPY --from= a.txt /

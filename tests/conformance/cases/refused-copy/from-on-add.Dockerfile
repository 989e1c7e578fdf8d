FROM base
ADD --from=0 a /

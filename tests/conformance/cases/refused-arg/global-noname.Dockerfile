ARG =x
FROM base

ARG n=x
FROM base AS $n

FROM base AS one
RUN true
FROM base
CPOY a b

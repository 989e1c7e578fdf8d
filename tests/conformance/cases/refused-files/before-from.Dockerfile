RUN true
FROM base

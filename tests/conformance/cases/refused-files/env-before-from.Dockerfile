ENV a=b
FROM base

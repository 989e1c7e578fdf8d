FROM base
COPY ["a", true]

FROM base
COPY ["a.txt"]

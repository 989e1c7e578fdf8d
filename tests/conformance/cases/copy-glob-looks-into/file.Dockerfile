FROM base
COPY a/* /x/

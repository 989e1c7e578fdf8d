FROM base
COPY dir/n* /x/
COPY d*/missing /y/
COPY --from=base /etc/passwd/* /etc/n* /z/

FROM base
SHELL ["/bin/sh", "-e", "-c"]
CMD echo $HOME "x"  'y'
ENTRYPOINT exec  top -b
HEALTHCHECK CMD a || b

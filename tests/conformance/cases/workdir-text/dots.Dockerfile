FROM base
WORKDIR /../..
WORKDIR ../up

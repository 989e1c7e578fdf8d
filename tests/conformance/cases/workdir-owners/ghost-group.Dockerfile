FROM base
USER ghost:staff
WORKDIR /w

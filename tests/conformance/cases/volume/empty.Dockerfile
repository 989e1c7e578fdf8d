FROM base
VOLUME ""

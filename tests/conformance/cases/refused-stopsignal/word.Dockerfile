FROM base
STOPSIGNAL nonsense

FROM base
STOPSIGNAL sigkill

FROM base
ENV a=${none:?must be set}

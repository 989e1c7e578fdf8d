FROM base
ARG where=base
FROM $where

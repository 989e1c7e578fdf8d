FROM base
LABEL a=${x:?}

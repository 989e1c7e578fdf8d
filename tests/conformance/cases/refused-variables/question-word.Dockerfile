FROM base
LABEL a=${x:?"some words"}

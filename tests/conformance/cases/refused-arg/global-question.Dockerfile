ARG none
FROM ${none:?must be set}

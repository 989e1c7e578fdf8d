ARG nothing
FROM --platform=$nothing base

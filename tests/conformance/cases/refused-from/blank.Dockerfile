ARG nothing
FROM $nothing

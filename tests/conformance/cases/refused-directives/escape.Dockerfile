# escape=x
FROM base

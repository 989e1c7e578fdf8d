FROM base
FRM base
